#include "retmask/mask/mask.h"

#include "masked_checkpoint.h"
#include "read_head_scores.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "select_heads.h"

namespace fs = std::filesystem;

namespace retmask::mask {
namespace {

Json make_spec(const Result& result, const Options& options, const ModelConfig& config) {
  const SelectOptions& select = options.select;
  Json spec{{"heads", Json::array()},
            {"mode", to_string(result.heads.mode())},
            {"select", to_string(select.selection)}};
  for (const Head& head : result.heads) spec["heads"].push_back({head.layer, head.head});
  if (select.threshold) spec["threshold"] = *select.threshold;
  if (select.top_k) spec["top_k"] = *select.top_k;
  if (!select.heads.empty()) spec["explicit_heads"] = select.heads;
  if (select.selection != Selection::retrieval) spec["seed"] = select.seed;
  spec["model"] = {{"num_hidden_layers", config.num_hidden_layers()},
                   {"num_attention_heads", config.num_attention_heads}};
  if (result.means) {
    spec["mean_scores"] = Json::array();
    for (const Head& head : result.heads)
      spec["mean_scores"].push_back(result.means->at({head.layer, head.head}));
    spec["num_samples"] = result.num_samples;
    spec["scores_sha256"] = sha256_file(options.scores);
  }
  if (result.heads.mode() == MaskMode::mean) {
    spec["mean_text"] = options.mean.text;
    spec["means"] = means_json(result.heads.means());
  }
  return spec;
}

}  // namespace

void check_separate(const fs::path& model, const fs::path& out) {
  std::error_code error;  // ignored: a missing `out` cannot be the model folder
  if (fs::equivalent(model, out, error)) {
    user_error("the output folder ", out, " is the model's own folder, which is never modified");
  }
}

Result run(const Checkpoint& checkpoint, const Options& options, const fs::path& out) {
  options.validate();
  check_separate(checkpoint.dir(), out);
  const ModelConfig config = read_model_config(checkpoint);
  Result result;
  result.num_model_heads = config.num_hidden_layers() * config.num_attention_heads;
  if (!options.scores.empty()) {
    const HeadScores scores = read_head_scores(options.scores, config);
    result.means = scores.means();
    result.num_samples = scores.num_samples();
  }
  result.heads = select_heads(options.select, config, result.means ? &*result.means : nullptr);
  if (options.mean.measure) result.heads = options.mean.measure(result.heads.heads());

  if (options.spec_only) {
    make_output_dir(out);
  } else {
    save_masked_checkpoint(checkpoint, config, result.heads, out, options.save);
  }
  write_json_file(out / "mask.json", make_spec(result, options, config));
  return result;
}

}  // namespace retmask::mask
