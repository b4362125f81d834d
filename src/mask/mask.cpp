#include "retmask/mask/mask.h"

#include "masked_checkpoint.h"
#include "read_heads.h"
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
  if (result.list) {
    if (const auto means = result.mean_scores()) {
      spec["mean_scores"] = Json::array();
      for (const auto& [head, mean] : *means) spec["mean_scores"].push_back(mean);
      spec["num_samples"] = result.list->num_samples;
    }
    spec["scores_sha256"] = sha256_file(options.scores);
    spec["scores_form"] = to_string(result.list->form);
  }
  if (result.heads.mode() == MaskMode::mean) {
    spec["mean_text"] = options.mean.text;
    spec["means"] = means_json(result.heads.means());
  }
  return spec;
}

}  // namespace

std::optional<HeadMeans> Result::mean_scores() const {
  if (!list || !list->scores) return std::nullopt;
  HeadMeans means;
  for (const Head& head : heads) {
    const auto found = list->scores->find(head);
    if (found == list->scores->end()) return std::nullopt;
    means.insert(*found);
  }
  return means;
}

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
  if (!options.scores.empty()) result.list = read_heads(options.scores, config);
  result.heads = select_heads(options.select, config, result.list ? &*result.list : nullptr);
  if (options.mean.measure) result.heads = options.mean.measure(result.heads.heads());

  if (!options.duo_attention_table.empty()) {
    const HeadGrid grid{config.num_hidden_layers(), config.num_key_value_heads};
    const std::string table = duo_attention_table(
        to_kv_heads(*result.list, config.num_attention_heads, grid.heads), grid);
    write_file_atomic(options.duo_attention_table, table);
  }
  if (options.spec_only) {
    make_output_dir(out);
  } else {
    save_masked_checkpoint(checkpoint, config, result.heads, out, options.save);
  }
  write_json_file(out / "mask.json", make_spec(result, options, config));
  return result;
}

}  // namespace retmask::mask
