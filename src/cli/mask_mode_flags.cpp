#include "mask_mode_flags.h"

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/model/device.h"
#include "retmask/niah/mean_outputs.h"

namespace retmask::cli {

void MaskModeFlags::validate(bool masks, const std::string& how) const {
  if (mode) parse_mask_mode(*mode, "--mask-mode");
  if (mode && !masks) user_error("--mask-mode applies to masked heads, expected ", how);
  if (!mean_text.empty() && !asks_for_means()) {
    user_error("--mean-text is the text of the heads' mean outputs, which need --mask-mode mean");
  }
}

bool MaskModeFlags::must_measure(const HeadMask& mask, const std::filesystem::path& file) const {
  const bool has_means = mask.mode() == MaskMode::mean;
  if (has_means && mode && !asks_for_means()) {
    user_error("--mask-mode is ", *mode, ", but the mode of ", file, " is mean; omit the flag");
  }
  if (has_means && !mean_text.empty()) {
    user_error("--mean-text is not used: ", file, " holds the heads' mean outputs");
  }
  return asks_for_means() && !has_means;
}

void add_mask_mode_flags(CLI::App& app, MaskModeFlags& flags) {
  app.add_option("--mask-mode",
                 flags.mode,
                 "Output of a masked head: zero, or mean (its mean output over --mean-text); "
                 "unless given, as mask.json says, otherwise zero");
  app.add_option("--mean-text",
                 flags.mean_text,
                 "With --mask-mode mean: text file, or folder of .txt files; the built-in haystack "
                 "unless given");
}

void add_mask_mode_rules(RunRules& rules) {
  rules.settled.emplace_back("mask-mode", "mask-mode");
  rules.inputs.push_back({"mean-text", "mean-text", /*has_default=*/true});
}

MeanText::MeanText(const MaskModeFlags& flags, RunRecord& run)
    : source_(flags.mean_text), text_(niah::read_mean_text(flags.mean_text)) {
  run.add_input("mean-text", sha256(text_));
}

HeadMask MeanText::measure(const InferenceLm& model,
                           const Tokenizer& tokenizer,
                           const std::vector<Head>& heads) const {
  return niah::mean_mask(model, tokenizer, text_, heads);
}

HeadMask MeanText::measure(const Checkpoint& checkpoint,
                           const CommonOptions& common,
                           const std::vector<Head>& heads) const {
  const torch::Device device = parse_device(common.device);
  const auto tokenizer = Tokenizer::load(checkpoint.dir());
  const ModelConfig config = read_model_config(checkpoint);
  const InferenceLm model(
      CausalLm::load(checkpoint, config, device, parse_dtype(common.dtype, config.dtype)));
  return measure(model, *tokenizer, heads);
}

Json MeanText::to_json() const {
  return {{"source", source_.empty() ? Json() : Json(source_.string())}, {"sha256", sha256(text_)}};
}

}  // namespace retmask::cli
