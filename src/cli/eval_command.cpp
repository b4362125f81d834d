#include "eval_command.h"

#include <array>
#include <iostream>

#include "mask_mode_flags.h"
#include "niah_flags.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/eval/choice_suite.h"
#include "retmask/eval/logprob_suite.h"
#include "retmask/eval/niah_suite.h"
#include "retmask/model/compute_path.h"
#include "retmask/model/device.h"
#include "retmask/report/svg.h"

namespace retmask::cli {
namespace {

struct EvalCommandOptions {
  std::filesystem::path model;
  int64_t max_position = 0;
  std::string suite;
  std::filesystem::path data;
  std::filesystem::path mask;
  std::vector<std::string> heads;  // instead of a mask
  MaskModeFlags mask_mode;
  NiahFlags grid;
  eval::NiahOptions niah;
  eval::ChoiceOptions choice;
  eval::LogprobOptions logprob;

  void validate() const;
  eval::NiahOptions resolved_niah(uint64_t seed) const;
};

// Inputs of every suite. The weights are loaded after the suite has read its data without errors.
struct Evaluation {
  const EvalCommandOptions& options;
  const CommonOptions& common;
  const Checkpoint& checkpoint;
  const ModelConfig& config;
  const Tokenizer& tokenizer;
  HeadMask& masked_heads;                    // load_model() adds the means
  const std::optional<MeanText>& mean_text;  // of means to be measured
  torch::Device device;
  RunRecord& run;

  InferenceLm load_model() const {
    InferenceLm model(
        CausalLm::load(checkpoint, config, device, parse_dtype(common.dtype, config.dtype)));
    run.set_compute(compute_path(model));
    log::info("computes on " + compute_path(model));
    if (mean_text) masked_heads = mean_text->measure(model, tokenizer, masked_heads.heads());
    return model;
  }
  std::filesystem::path file(const char* name) const { return common.out / name; }
};

void run_niah_suite(const Evaluation& evaluation) {
  const eval::NiahOptions options = evaluation.options.resolved_niah(evaluation.common.seed);
  const auto chat_template =
      load_prompt_template(options.grid.prompt, evaluation.checkpoint, evaluation.run);
  const auto samples = load_samples(options.grid,
                                    {evaluation.tokenizer,
                                     chat_template.get(),
                                     evaluation.config.max_positions,
                                     evaluation.run.moment()},
                                    evaluation.run);
  const InferenceLm model = evaluation.load_model();
  Journal journal(evaluation.file("predictions.jsonl"));
  const eval::NiahResult result = eval::run_niah(
      {.model = model,
       .tokenizer = evaluation.tokenizer,
       .masked_heads = evaluation.masked_heads,
       .eos_token_ids = with_eos_token(
           evaluation.checkpoint.eos_token_ids(), evaluation.tokenizer, evaluation.options.model)},
      samples,
      options,
      journal);
  write_json_file(evaluation.file("results.json"), eval::niah_results_json(result, samples));
  if (result.answered_now > 0) {
    evaluation.run.set_throughput("samples_per_second",
                                  static_cast<double>(result.answered_now) / result.seconds);
  }
  std::cout << result.num_right() << " of " << samples.size() << " answers right" << std::endl;
}

void run_logprob_suite(const Evaluation& evaluation) {
  const std::filesystem::path& data = evaluation.options.data;
  eval::LogprobReader reader(evaluation.tokenizer,
                             evaluation.checkpoint.dir(),
                             evaluation.config,
                             evaluation.run.moment());
  const std::vector<eval::LogprobRow> rows = reader.read(data);
  evaluation.run.add_input("data", sha256_file(data));
  const InferenceLm model = evaluation.load_model();
  Journal journal(evaluation.file("predictions.jsonl"));
  const eval::LogprobResult result = eval::run_logprob(
      {.model = model, .tokenizer = evaluation.tokenizer, .masked_heads = evaluation.masked_heads},
      rows,
      evaluation.options.logprob,
      journal);
  const Json results = eval::logprob_results_json(result);
  write_json_file(evaluation.file("results.json"), results);
  if (result.tokens_now > 0) {
    evaluation.run.set_throughput("tokens_per_second",
                                  static_cast<double>(result.tokens_now) / result.seconds);
  }
  std::cout << rows.size() << " rows, " << results["tokens"] << " predicted tokens";
  if (!results["mean"].is_null()) {
    std::cout << ", mean log-probability " << format_number(results["mean"].get<double>(), 6)
              << ", perplexity " << format_number(results["perplexity"].get<double>(), 6);
  }
  std::cout << std::endl;
}

void run_choice_suite(const Evaluation& evaluation) {
  const std::filesystem::path& data = evaluation.options.data;
  const std::vector<eval::ChoiceQuestion> questions =
      eval::read_choice_file(data, evaluation.tokenizer);
  evaluation.run.add_input("data", sha256_file(data));
  const InferenceLm model = evaluation.load_model();
  Journal journal(evaluation.file("predictions.jsonl"));
  eval::ChoiceOptions options = evaluation.options.choice;
  options.batch_tokens = evaluation.options.logprob.batch_tokens;
  const eval::ChoiceResult result = eval::run_choice(
      {.model = model, .tokenizer = evaluation.tokenizer, .masked_heads = evaluation.masked_heads},
      questions,
      options,
      journal);
  const Json results = eval::choice_results_json(result.predictions);
  write_json_file(evaluation.file("results.json"), results);
  if (result.answered_now > 0) {
    evaluation.run.set_throughput("questions_per_second",
                                  static_cast<double>(result.answered_now) / result.seconds);
  }
  std::cout << results["questions"] << " questions";
  for (const char* metric :
       {"acc", "acc_per_char", "acc_per_byte", "acc_per_token", "bits_per_byte"}) {
    if (!results[metric].is_null()) {
      std::cout << ", " << metric << " " << format_number(results[metric].get<double>(), 4);
    }
  }
  std::cout << std::endl;
  if (results["errors"] != 0) {
    throw std::runtime_error(detail::concat(
        results["errors"], " questions are longer than the model's maximum and were not answered"));
  }
}

struct Suite {
  const char* name;
  void (*run)(const Evaluation&);
};
constexpr std::array<Suite, 3> kSuites = {
    {{"niah", run_niah_suite}, {"logprob", run_logprob_suite}, {"choice", run_choice_suite}}};

const Suite& find_suite(const std::string& name) {
  std::string known;
  for (const Suite& suite : kSuites) {
    if (name == suite.name) return suite;
    known += (known.empty() ? "" : ", ") + std::string(suite.name);
  }
  user_error("--suite is \"", name, "\", expected one of: ", known);
}

void EvalCommandOptions::validate() const {
  find_suite(suite);
  grid.resolve(/*seed=*/0);
  if (suite == "logprob" && data.empty()) {
    user_error(
        "--suite logprob needs --data: a JSONL file with text, messages, or prompt and completion");
  }
  if (!mask.empty() && !heads.empty()) {
    user_error("--mask and --heads both select the masked heads; give only one of them");
  }
  mask_mode.validate(!mask.empty() || !heads.empty(), "--mask or --heads");
  resolved_niah(/*seed=*/0).validate();
  logprob.validate();
}

eval::NiahOptions EvalCommandOptions::resolved_niah(uint64_t seed) const {
  eval::NiahOptions resolved = niah;
  resolved.grid = grid.resolve(seed);
  return resolved;
}

void run_eval(const EvalCommandOptions& options, const Invocation& invocation) {
  const CommonOptions& common = invocation.common;
  options.validate();
  const torch::Device device = parse_device(common.device);

  const OutputLock lock = invocation.claim_out({options.model});
  RunRules rules = niah_rules();
  rules.ignored = {"batch-size", "batch-tokens"};
  rules.inputs.insert(rules.inputs.end(), {{"data", "data"}, {"mask", "mask"}});
  add_mask_mode_rules(rules);
  RunRecord run = invocation.start_run(std::move(rules));
  const Checkpoint checkpoint(options.model);
  ModelConfig config = read_model_config(checkpoint);
  limit_positions(config, options.max_position);
  add_model_input("model", checkpoint, run);
  run.settle("dtype", c10::toString(parse_dtype(common.dtype, config.dtype)));
  run.set_device(device.str());
  HeadMask masked_heads = parse_heads(options.heads, config, "--heads");
  if (!options.mask.empty()) {
    masked_heads = read_mask_file(options.mask, config);
    run.add_input("mask", sha256_file(options.mask));
  }
  std::optional<MeanText> mean_text;
  if (options.mask_mode.must_measure(masked_heads, options.mask))
    mean_text.emplace(options.mask_mode, run);
  if (!masked_heads.empty())
    run.settle("mask-mode", to_string(mean_text ? MaskMode::mean : masked_heads.mode()));
  const auto tokenizer = Tokenizer::load(options.model);
  find_suite(options.suite)
      .run({options, common, checkpoint, config, *tokenizer, masked_heads, mean_text, device, run});
  run.finish();
}

}  // namespace

Command setup_eval(CLI::App& root) {
  auto options = std::make_shared<EvalCommandOptions>();
  Command command = add_command(root,
                                "eval",
                                "Evaluate a model, optionally with masked heads",
                                "--model llama --suite niah --lengths 4k,8k,16k --out runs/eval");
  CLI::App& app = *command.app;
  app.add_option("--model", options->model, "Checkpoint folder");
  add_max_position_flag(app, options->max_position);
  app.add_option(
      "--suite",
      options->suite,
      "niah (needle-in-a-haystack success rate) or logprob (log-probability and perplexity of "
      "texts)");
  app.add_option("--data",
                 options->data,
                 "logprob: JSONL file with text, messages, or prompt and completion per row");
  app.add_option("--mask", options->mask, "mask.json with the heads to mask");
  add_list_option(
      command, "--heads", options->heads, "Heads to mask, LAYER-HEAD,... (instead of --mask)");
  command.alternatives.push_back({.sets = {{"mask"}, {"heads"}}});
  add_mask_mode_flags(app, options->mask_mode);
  add_niah_flags(command, options->grid);
  app.add_option("--batch-size", options->niah.batch_size, "niah: samples generated in one batch");
  add_count_option(app,
                   "--batch-tokens",
                   options->logprob.batch_tokens,
                   "logprob: most tokens per forward pass");
  command.required = {"--model", "--suite"};
  command.run = [options](const Invocation& invocation) { run_eval(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
