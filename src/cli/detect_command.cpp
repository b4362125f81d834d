#include "detect_command.h"

#include <algorithm>
#include <iostream>

#include "detect_compare.h"
#include "divided_run.h"
#include "niah_flags.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/detect/detect.h"
#include "retmask/engine/memory.h"
#include "retmask/model/compute_path.h"
#include "retmask/model/device.h"
#include "retmask/niah/answer_samples.h"
#include "retmask/niah/sample_rows.h"
#include "retmask/report/run_report.h"
#include "verify_flags.h"

namespace retmask::cli {
namespace {

constexpr size_t kPrintedHeads = 10;
constexpr const char* kSamplesFile = "samples.jsonl";

struct DetectCommandOptions {
  std::filesystem::path model;
  int64_t max_position = 0;
  NiahFlags niah;
  std::string scorer = to_string(detect::Options{}.scorer);
  std::string scoring = to_string(detect::Options{}.scoring);
  std::string stop = to_string(detect::Options{}.stop);
  double threshold = 0.1;
  detect::Options detect;
  CompareFlags compare;
  VerifyFlags verify;
  WorkerFlags workers;
};

// Throws UserError if a flag was given that this scorer does not read.
void check_flags_of_scorer(detect::Scorer scorer, const Invocation& invocation) {
  std::vector<std::string> unread;
  if (scorer != detect::Scorer::copy) unread = {"scoring"};
  if (!reads_answers(scorer)) unread.push_back("stop");
  for (const std::string& flag : unread) {
    if (std::ranges::find(invocation.given, flag) == invocation.given.end()) continue;
    user_error("--", flag, " has no effect with --scorer ", to_string(scorer), "; leave it out");
  }
}

detect::Options resolve_options(const DetectCommandOptions& options, const Invocation& invocation) {
  detect::Options resolved = options.detect;
  resolved.grid = options.niah.resolve(invocation.common.seed);
  resolved.scorer = detect::parse_scorer(options.scorer);
  check_flags_of_scorer(resolved.scorer, invocation);
  resolved.scoring = detect::parse_scoring(options.scoring);
  resolved.stop = detect::parse_stop_rule(options.stop);
  resolved.validate();
  if (options.threshold <= 0)
    user_error("--threshold is ", options.threshold, ", expected more than 0");
  return resolved;
}

void print_result(const detect::Result& result, const ScoredHeads& heads, bool has_answers) {
  std::cout << to_text(top_heads(heads, kPrintedHeads));
  if (has_answers) {
    std::cout << result.num_right() << " of " << result.detections.size() << " answers right; ";
  }
  if (!has_answers || result.num_counted() != result.num_right()) {
    std::cout << result.num_counted() << " of " << result.detections.size() << " samples scored; ";
  }
  std::cout << heads.marked.size() << " heads with a " << heads.marked_label << std::endl;
}

RunRules detect_rules() {
  RunRules rules = niah_rules();
  rules.ignored = {"batch-size", "threshold"};
  rules.ignored.insert(rules.ignored.end(), kVerifyFlags.begin(), kVerifyFlags.end());
  return rules;
}

DividedRunOptions division_of(const DetectCommandOptions& options) {
  DividedRunOptions division{.flags = options.workers,
                             .journal = kSamplesFile,
                             .rules = detect_rules(),
                             .models = {options.model}};
  if (options.verify.until_stable) {
    division.indivisible =
        "--until-stable decides after each round of samples whether another one follows";
  }
  return division;
}

// Speed of this process, for run.json.
void record_speed(const detect::Result& result, RunRecord& run) {
  run.set_timing({{"samples", result.answered_now},
                  {"seconds", result.seconds},
                  {"prompt_tokens_computed", result.computed_tokens},
                  {"prompt_tokens_reused", result.reused_tokens}});
  if (result.answered_now == 0) return;
  run.set_throughput("samples_per_second",
                     static_cast<double>(result.answered_now) / result.seconds);
}

void run_detect(const DetectCommandOptions& options, const Invocation& invocation) {
  if (options.model.empty()) user_error("--model is required: Checkpoint folder");
  detect::Options detect_options = resolve_options(options, invocation);
  const detect::VerifyOptions verify_options =
      options.verify.resolve(detect_options, invocation.common.seed);
  const detect::CertaintyOptions certainty_options{.threshold = options.threshold,
                                                   .seed = invocation.common.seed};
  const torch::Device device = parse_device(invocation.common.device);

  DividedRun divided(division_of(options), invocation);
  const CommonOptions& common = divided.common();
  RunRecord& run = divided.record();
  const Checkpoint checkpoint(options.model);
  ModelConfig config = read_model_config(checkpoint);
  limit_positions(config, options.max_position);
  add_model_input("model", checkpoint, run);
  const torch::ScalarType dtype = parse_dtype(common.dtype, config.dtype);
  run.settle("dtype", c10::toString(dtype));
  run.set_device(device.str());
  const auto tokenizer = Tokenizer::load(options.model);
  const auto chat_template = load_prompt_template(detect_options.grid.chat, checkpoint.dir(), run);
  const ChatEncoder encoder(*tokenizer, chat_template.get(), run.moment());
  detect::check_ks(verify_options.ks, config.num_hidden_layers() * config.num_attention_heads);
  const std::vector<niah::Sample> grid =
      divided.own(load_samples(detect_options.grid, {encoder, config.max_positions}, run),
                  &niah::Sample::prompt);

  // Loaded when it is first needed: not if all samples have rows.
  std::optional<InferenceLm> model;
  const auto subject = [&]() -> detect::Subject {
    if (!model) {
      const MemoryBudget memory =
          memory_budget(config,
                        device,
                        dtype,
                        niah::generator_options(
                            grid, detect_options.batch_size, detect_options.grid.max_new_tokens));
      detect_options.kv_cache_bytes = memory.kv_cache;
      log::info("memory: " + memory.text());
      model.emplace(CausalLm::load(checkpoint, config, device, dtype));
      run.set_compute(compute_path(*model));
      log::info("computes on " + compute_path(*model));
    }
    return {
        *model, *tokenizer, with_eos_token(checkpoint.eos_token_ids(), *tokenizer, options.model)};
  };
  const std::filesystem::path path = common.out / kSamplesFile;
  detect::SampledRun sampled;
  if (options.verify.until_stable) {
    sampled = run_until_stable(subject(), grid, detect_options, certainty_options, path);
  } else {
    SampleJournal journal = niah::open_journal(path, grid);
    sampled.samples = grid;
    sampled.result = journal.is_complete()
                         ? detect::finished_result(std::move(journal))
                         : detect::run(subject(), grid, detect_options, std::move(journal));
  }
  const detect::Result& result = sampled.result;
  const std::vector<niah::Sample>& samples = sampled.samples;
  record_speed(result, run);
  if (divided.is_part()) {
    divided.finish_part(samples.size());
    return;
  }
  if (result.num_counted() == 0) {
    log::warn(reads_answers(detect_options.scorer)
                  ? "no answer is right, so no head has a score; try shorter --lengths"
                  : "no needle is found in its prompt, so no head has a score");
  }

  const HeadScores scores = detect::head_scores(result, config);
  // One line: the published tools read the file's first line.
  write_file_atomic(common.out / "head_scores.json", dump_json_line(to_json(scores)) + "\n");
  const detect::Certainty certainty = assess_certainty(scores, certainty_options);
  Json summary = detect::summary_json(result, samples, detect_options, config, certainty);
  if (options.verify.until_stable) summary["until_stable"] = stable_json(sampled, grid.size());
  write_json_file(common.out / "summary.json", summary);
  ScoredHeads heads{.means = scores.means()};
  mark_from(heads, options.threshold);
  print_result(result, heads, reads_answers(detect_options.scorer));
  report_certainty(certainty, scores.samples.size());
  if (!verify_options.ks.empty()) {
    std::optional<MeanText> mean_text;
    if (options.verify.mask_mode.asks_for_means()) mean_text.emplace(options.verify.mask_mode, run);
    verify_heads(
        subject(), encoder, samples, scores.means(), mean_text, verify_options, run, common.out);
  }
  write_run_report(common.out);
  run.finish();
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
      "--scorer",
      options->scorer,
      "Score of a head: copy (the needle's tokens that it copies into the answer), logit "
      "(how much it raises the answer's logits out of the needle), query (how much more "
      "the question attends to the needle than a null question) or ablation (how much "
      "the needle's log-prob drops when the head alone is masked: slow)");
  app.add_option(
      "--scoring",
      options->scoring,
      "With --scorer copy: set (fraction of the needle's tokens that it copied) or steps (counts "
      "every copying step, as in the published code)");
  app.add_option(
      "--stop",
      options->stop,
      "End of an answer: eos (end-of-sequence token) or reference (as in the published code)");
  app.add_option(
      "--threshold", options->threshold, "Lowest mean score of the heads marked in the report");
  app.add_option("--batch-size", options->detect.batch_size, "Samples generated in one batch");
  add_compare_flags(command, options->compare);
  add_verify_flags(command, options->verify);
  add_worker_flags(command, options->workers, "samples");
  // --model is checked when it runs, because --merge takes it from the parts.
  command.run = [options](const Invocation& invocation) {
    if (is_comparison(options->compare, invocation)) {
      run_comparison(options->compare, options->model, invocation);
    } else {
      run_divided(setup_detect, options->workers, detect_rules(), invocation, [&] {
        run_detect(*options, invocation);
      });
    }
  };
  return command;
}

}  // namespace retmask::cli
