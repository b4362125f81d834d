#include "mask_command.h"

#include <algorithm>
#include <iomanip>
#include <iostream>

#include "mask_mode_flags.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/mask/mask.h"
#include "retmask/model/device.h"

namespace retmask::cli {
namespace {

struct MaskCommandOptions {
  std::filesystem::path model;
  std::string select = to_string(mask::Selection::retrieval);
  mask::Options mask;
  MaskModeFlags mode;
};

mask::Options resolve_options(const MaskCommandOptions& options, uint64_t seed) {
  mask::Options resolved = options.mask;
  resolved.select.selection = mask::parse_selection(options.select);
  resolved.select.seed = seed;
  resolved.validate();
  options.mode.validate(/*masks=*/true, /*how=*/"");
  return resolved;
}

// One line per head, by descending mean score; without scores by (layer, head).
void print_heads(const mask::Result& result) {
  const std::optional<HeadMeans> means = result.mean_scores();
  if (!means) {
    for (const Head& head : result.heads) std::cout << to_string(head) << "\n";
    return;
  }
  std::cout << "head   mean score";
  if (result.list->num_samples > 0) std::cout << " of " << result.list->num_samples << " samples";
  std::cout << "\n" << std::left << std::fixed << std::setprecision(4);
  for (const auto& [head, mean] : ranked_heads(*means)) {
    std::cout << std::setw(7) << to_string(head) << mean << "\n";
  }
}

// A copy that such a program makes acts like a mask of mode zero.
void warn_about_bias(const Checkpoint& checkpoint) {
  const std::string family = read_model_config(checkpoint).model_type;
  if (family == "llama") return;
  log::warn("--mask-mode mean writes biases of o_proj, which vLLM's " + family +
            " leaves out without an error; transformers and retmask apply them");
}

void run_mask(const MaskCommandOptions& options, const Invocation& invocation) {
  const CommonOptions& common = invocation.common;
  mask::Options mask_options = resolve_options(options, common.seed);
  const bool means = options.mode.asks_for_means();
  const auto& given = invocation.on_command_line;  // a config file is shared by all commands
  if (!means && std::find(given.begin(), given.end(), "dtype") != given.end() &&
      common.dtype != "auto") {
    log::warn("--dtype has no effect: mask keeps the type of each tensor");
  }
  if (means) parse_device(common.device);

  const OutputLock lock = invocation.claim_out({options.model});
  RunRules rules{.ignored = {"export-duo-attention"},
                 .inputs = {{"model", "model"}, {"scores", "scores"}}};
  if (means) {
    rules.settled.emplace_back("dtype", "dtype");
  } else {
    rules.ignored.push_back("dtype");
  }
  add_mask_mode_rules(rules);
  RunRecord run = invocation.start_run(std::move(rules));
  const Checkpoint checkpoint(options.model);
  add_model_input("model", checkpoint, run);
  run.settle("mask-mode", to_string(means ? MaskMode::mean : MaskMode::zero));
  if (!mask_options.scores.empty()) run.add_input("scores", sha256_file(mask_options.scores));
  std::optional<MeanText> text;
  if (means) {
    const TensorType stored = read_model_config(checkpoint).dtype;
    run.settle("dtype", c10::toString(parse_dtype(common.dtype, stored)));
    run.set_device(parse_device(common.device).str());
    text.emplace(options.mode, run);
    mask_options.mean = {.measure =
                             [&](const std::vector<Head>& heads) {
                               return text->measure(checkpoint, common, heads);
                             },
                         .text = text->to_json()};
    if (!mask_options.spec_only) warn_about_bias(checkpoint);
  }
  mask_options.save.own_files = run.own_files();
  mask_options.save.announce = [&](const Json& files) { run.set_own_files(files); };
  const mask::Result result = mask::run(checkpoint, mask_options, common.out);
  run.finish();

  print_heads(result);
  std::cout << "masked " << result.heads.size() << " of " << result.num_model_heads << " heads ("
            << options.select << (means ? ", by their means" : "")
            << "): " << (mask_options.spec_only ? common.out / "mask.json" : common.out).string()
            << std::endl;
}

}  // namespace

Command setup_mask(CLI::App& root) {
  auto options = std::make_shared<MaskCommandOptions>();
  mask::Options& mask_options = options->mask;
  Command command = add_command(
      root,
      "mask",
      "Mask attention heads in a checkpoint",
      "--model llama --scores runs/detect/head_scores.json --threshold 0.1 --out runs/masked");
  CLI::App& app = *command.app;
  app.add_option("--model", options->model, "Checkpoint folder; it is not modified");
  app.add_option("--scores",
                 mask_options.scores,
                 "For --threshold or --top-k: head_scores.json, summary.json or mask.json, or the "
                 "heads of LOCOS (JSON), QRHead, DySCO (YAML) or DuoAttention (table of gates)");
  app.add_option("--threshold",
                 mask_options.select.threshold,
                 "Retrieval heads are those with at least this mean score");
  app.add_option("--top-k",
                 mask_options.select.top_k,
                 "Retrieval heads are this many heads with the highest mean scores, or the first "
                 "ones of a list without scores");
  add_list_option(command,
                  "--heads",
                  mask_options.select.heads,
                  "Retrieval heads are these, LAYER-HEAD,...; no scores needed");
  app.add_option(
      "--select",
      options->select,
      "Heads to mask: retrieval (the retrieval heads), non-retrieval (as many of the other heads, "
      "drawn with --seed) or random (as many of all heads, drawn with --seed)");
  add_mask_mode_flags(app, options->mode);
  app.add_flag("--spec-only", mask_options.spec_only, "Write only mask.json, no checkpoint");
  app.add_option(
      "--export-duo-attention",
      mask_options.duo_attention_table,
      "Also write the heads of --scores to this file as DuoAttention's gates: a line per "
      "layer and a value in 0..1 per key/value head, the largest score of its query "
      "heads over the largest of all (without scores 1 for listed heads)");
  app.add_option(
      "--max-shard-bytes", mask_options.save.max_shard_bytes, "Largest weight file in bytes");
  command.required = {"--model"};
  command.alternatives = {{.sets = {{"threshold"}, {"top-k"}, {"heads"}}}};
  command.run = [options](const Invocation& invocation) { run_mask(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
