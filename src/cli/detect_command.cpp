#include "detect_command.h"

#include <iostream>

#include "niah_flags.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/detect/detect.h"
#include "retmask/model/compute_path.h"
#include "retmask/model/device.h"
#include "retmask/report/run_report.h"

namespace retmask::cli {
namespace {

constexpr size_t kPrintedHeads = 10;

struct DetectCommandOptions {
  std::filesystem::path model;
  int64_t max_position = 0;
  NiahFlags niah;
  std::string scoring = to_string(detect::Options{}.scoring);
  std::string stop = to_string(detect::Options{}.stop);
  double threshold = 0.1;
  detect::Options detect;
};

detect::Options resolve_options(const DetectCommandOptions& options) {
  detect::Options resolved = options.detect;
  resolved.grid = options.niah.resolve();
  resolved.scoring = detect::parse_scoring(options.scoring);
  resolved.stop = detect::parse_stop_rule(options.stop);
  resolved.validate();
  if (options.threshold <= 0)
    user_error("--threshold is ", options.threshold, ", expected more than 0");
  return resolved;
}

void print_result(const detect::Result& result, const ScoredHeads& heads) {
  std::cout << to_text(top_heads(heads, kPrintedHeads)) << result.num_right() << " of "
            << result.detections.size() << " answers right; " << heads.marked.size()
            << " heads with a " << heads.marked_label << std::endl;
}

void run_detect(const DetectCommandOptions& options, const Invocation& invocation) {
  const CommonOptions& common = invocation.common;
  const detect::Options detect_options = resolve_options(options);
  const torch::Device device = parse_device(common.device);

  const OutputLock lock = invocation.claim_out({options.model});
  RunRules rules = niah_rules();
  rules.ignored = {"batch-size", "threshold"};
  RunRecord run = invocation.start_run(std::move(rules));
  const Checkpoint checkpoint(options.model);
  ModelConfig config = read_model_config(checkpoint);
  limit_positions(config, options.max_position);
  add_model_input("model", checkpoint, run);
  const torch::ScalarType dtype = parse_dtype(common.dtype, config.dtype);
  run.settle("dtype", c10::toString(dtype));
  run.set_device(device.str());
  const auto tokenizer = Tokenizer::load(options.model);
  const auto samples = load_samples(detect_options.grid, checkpoint, config, *tokenizer, run);

  const InferenceLm model(CausalLm::load(checkpoint, config, device, dtype));
  run.set_compute(compute_path(model));
  log::info("computes on " + compute_path(model));
  Journal journal(common.out / "samples.jsonl");
  const detect::Result result = detect::run(
      {model, *tokenizer, with_eos_token(checkpoint.eos_token_ids(), *tokenizer, options.model)},
      samples,
      detect_options,
      journal);
  if (result.num_right() == 0) {
    log::warn("no answer is right, so no head has a score; try shorter --lengths");
  }

  const HeadScores scores = detect::head_scores(result, config);
  // One line: the published tools read the file's first line.
  write_file_atomic(common.out / "head_scores.json", dump_json_line(to_json(scores)) + "\n");
  write_json_file(common.out / "summary.json",
                  detect::summary_json(result, samples, detect_options, config));
  write_run_report(common.out);
  if (result.answered_now > 0) {
    run.set_throughput("samples_per_second",
                       static_cast<double>(result.answered_now) / result.seconds);
  }
  run.finish();
  ScoredHeads heads{.means = scores.means()};
  mark_from(heads, options.threshold);
  print_result(result, heads);
}

}  // namespace

Command setup_detect(CLI::App& root) {
  auto options = std::make_shared<DetectCommandOptions>();
  Command command = add_command(root,
                                "detect",
                                "Detect retrieval heads with needle-in-a-haystack prompts",
                                "--model llama --lengths 4k,8k,16k --out runs/detect");
  CLI::App& app = *command.app;
  app.add_option("--model", options->model, "Checkpoint folder");
  add_max_position_flag(app, options->max_position);
  add_niah_flags(command, options->niah);
  app.add_option(
      "--scoring",
      options->scoring,
      "Score of a head: set (fraction of the needle's tokens that it copied) or steps (counts "
      "every copying step, as in the published code)");
  app.add_option(
      "--stop",
      options->stop,
      "End of an answer: eos (end-of-sequence token) or reference (as in the published code)");
  app.add_option(
      "--threshold", options->threshold, "Lowest mean score of the heads marked in the report");
  app.add_option("--batch-size", options->detect.batch_size, "Samples generated in one batch");
  command.required = {"--model"};
  command.run = [options](const Invocation& invocation) { run_detect(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
