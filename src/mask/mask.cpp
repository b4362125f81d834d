#include "retmask/mask/mask.h"

#include "masked_checkpoint.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask::mask {
namespace {

Json make_spec(const Result& result, const Options& options, const ModelConfig& config) {
  const SelectOptions& select = options.select;
  Json spec{{"heads", Json::array()}, {"select", to_string(select.selection)}};
  for (const Head& head : result.heads) spec["heads"].push_back({head.layer, head.head});
  if (select.threshold) spec["threshold"] = *select.threshold;
  if (select.top_k) spec["top_k"] = *select.top_k;
  if (!select.heads.empty()) spec["explicit_heads"] = select.heads;
  if (select.selection != Selection::retrieval) spec["seed"] = select.seed;
  spec["model"] = {{"num_hidden_layers", config.num_hidden_layers()},
                   {"num_attention_heads", config.num_attention_heads}};
  if (result.scores) {
    spec["mean_scores"] = Json::array();
    for (const Head& head : result.heads)
      spec["mean_scores"].push_back(result.scores->mean.at(head));
    spec["num_samples"] = result.scores->num_samples;
    spec["scores_sha256"] = sha256_file(options.scores);
  }
  return spec;
}

}  // namespace

void Options::validate() const {
  select.validate();
  if (scores.empty() && select.heads.empty()) {
    user_error(
        "--scores is required with --threshold and --top-k: the head_scores.json of a detection "
        "run");
  }
  if (save.max_shard_bytes < 1)
    user_error("the shard size is ", save.max_shard_bytes, ", expected at least 1 byte");
}

void check_separate(const fs::path& model, const fs::path& out) {
  std::error_code error;  // ignored: a missing `out` cannot be the model folder
  if (fs::equivalent(model, out, error)) {
    user_error(
        "--out ", out, " is the model's own folder, which is never modified; give another --out");
  }
}

Result run(const Checkpoint& checkpoint, const Options& options, const fs::path& out) {
  options.validate();
  check_separate(checkpoint.dir(), out);
  const ModelConfig config = read_model_config(checkpoint);
  Result result;
  result.num_model_heads = config.num_hidden_layers() * config.num_attention_heads;
  if (!options.scores.empty()) result.scores = read_head_scores(options.scores, config);
  result.heads = select_heads(options.select, config, result.scores ? &*result.scores : nullptr);

  if (options.spec_only) {
    make_output_dir(out);
  } else {
    save_masked_checkpoint(checkpoint, config, result.heads, out, options.save);
  }
  write_json_file(out / "mask.json", make_spec(result, options, config));
  return result;
}

}  // namespace retmask::mask
