#include "eval_suites.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/model/compute_path.h"
#include "retmask/model/device.h"
#include "server_flags.h"

namespace retmask::cli {
namespace {

bool has_flag(const std::vector<std::string>& flags, const std::string& flag) {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

// Names of the suites that take a flag, ", "-separated.
std::string takers_of(const std::string& flag) {
  std::string takers;
  for (const Suite& suite : suites()) {
    if (has_flag(suite.flags, flag))
      takers += (takers.empty() ? "" : ", ") + std::string(suite.name);
  }
  return takers;
}

// Flags without a suite that have a meaning where no model answers.
const std::vector<std::string> kFlagsWithoutModel = {
    "suite", "rescore", "config", "out", "seed", "device", "dtype", "threads", "quiet"};

// Of suites that generate long contexts with several tasks.
const std::vector<std::string> kLongContextFlags = {
    "tasks", "lengths", "max-samples", "data", "haystack"};
const std::vector<std::string> kQuestionFlags = {"data", "profile", "max-samples"};

// Of all suites that generate answers.
const std::vector<std::string> kAnswerFlags = {"chat", "thinking", "thinking-budget", "batch-size"};

std::vector<std::string> joined(std::vector<std::string> flags,
                                const std::vector<std::string>& others) {
  flags.insert(flags.end(), others.begin(), others.end());
  return flags;
}

std::vector<std::string> with_answer_flags(const std::vector<std::string>& flags) {
  return joined(flags, kAnswerFlags);
}

// Of a suite run by run_samples().
std::vector<std::string> with_sample_flags(const std::vector<std::string>& flags) {
  return joined(with_answer_flags(flags), {"save-prompts"});
}

std::vector<std::string> with_judge_flags(const std::vector<std::string>& flags) {
  return joined(joined(flags, {"judge-prompts", "judge-references"}), judge_flag_names());
}

// Of helmet: a judge with prompts of its own, and NLI.
std::vector<std::string> with_helmet_judges(const std::vector<std::string>& flags) {
  return joined(
      joined(joined(flags, {"judge-prompts", "punkt", "nli-command"}), judge_flag_names()),
      judge_flag_names("nli"));
}

}  // namespace

const std::vector<Suite>& suites() {
  static const std::vector<Suite> table = {
      {.name = "niah",
       .summary = "needle-in-a-haystack success rate",
       .flags = with_answer_flags({"needles",
                                   "haystack",
                                   "lengths",
                                   "min-length",
                                   "max-length",
                                   "length-steps",
                                   "depths",
                                   "depth-rule",
                                   "needles-per-context",
                                   "placement",
                                   "max-new-tokens"}),
       .validate = validate_niah,
       .run = run_niah},
      {.name = "logprob",
       .summary = "log-probability and perplexity of texts",
       .flags = {"data", "batch-tokens", "max-samples"},
       .validate = validate_logprob,
       .run = run_logprob,
       .needs_model = "needs the log-probs of given texts, which chat servers do not return"},
      {.name = "choice",
       .summary = "multiple choice by log-probabilities",
       .flags = {"data", "batch-tokens", "max-samples"},
       .validate = validate_choice,
       .run = run_choice,
       .needs_model =
           "needs the log-probs of given continuations, which chat servers do not return"},
      {.name = "ruler",
       .summary = "RULER's thirteen long-context tasks, generated",
       .flags = with_sample_flags(kLongContextFlags),
       .validate = validate_ruler,
       .run = run_ruler,
       .rescore = rescore_samples},
      {.name = "mrcr",
       .summary = "one of several answers to the same request in a long conversation",
       .flags = with_sample_flags(kLongContextFlags),
       .validate = validate_mrcr,
       .run = run_mrcr,
       .rescore = rescore_samples},
      {.name = "kv",
       .summary = "the value of a key in a long JSON object",
       .flags = with_sample_flags({"keys", "lengths", "depths", "max-samples", "data"}),
       .validate = validate_kv,
       .run = run_kv,
       .rescore = rescore_samples},
      {.name = "qa",
       .summary = "questions about a passage among others",
       .flags = with_sample_flags({"lengths", "depths", "max-samples", "data"}),
       .validate = validate_qa,
       .run = run_qa,
       .rescore = rescore_samples},
      {.name = "mmlu-pro",
       .summary = "MMLU-Pro's questions with up to ten options",
       .flags = with_sample_flags(kQuestionFlags),
       .validate = validate_questions,
       .run = run_questions,
       .rescore = rescore_questions,
       .rescore_flags = {"profile"}},
      {.name = "gpqa",
       .summary = "GPQA's questions with four options",
       .flags = with_sample_flags(kQuestionFlags),
       .validate = validate_questions,
       .run = run_questions,
       .rescore = rescore_questions,
       .rescore_flags = {"profile"}},
      {.name = "math500",
       .summary = "problems of MATH-500",
       .flags = with_sample_flags(kQuestionFlags),
       .validate = validate_questions,
       .run = run_questions,
       .rescore = rescore_questions,
       .rescore_flags = {"profile"}},
      {.name = "humaneval",
       .summary = "HumanEval's programs, run in a sandbox",
       .flags = with_sample_flags({"data", "profile", "max-samples", "allow-code-exec"}),
       .validate = validate_humaneval,
       .run = run_humaneval,
       .rescore = rescore_humaneval,
       .rescore_flags = {"data", "profile", "allow-code-exec"}},
      {.name = "helmet",
       .summary = "HELMET's 21 long-context data sets in seven categories",
       .flags = with_sample_flags(with_helmet_judges({"tasks",
                                                      "categories",
                                                      "lengths",
                                                      "max-samples",
                                                      "shots",
                                                      "data",
                                                      "length-tokenizer",
                                                      "stop-newline",
                                                      "rouge-proxy"})),
       .validate = validate_helmet,
       .run = run_helmet,
       .rescore = rescore_helmet,
       .rescore_flags = joined(with_helmet_judges({"data", "rouge-proxy", "max-samples", "shots"}),
                               connection_flag_names()),
       .rescores_folders = true},
      {.name = "mt-bench",
       .summary = "MT-Bench's conversations, graded by a judge",
       .flags = with_judge_flags(
           with_answer_flags({"data", "profile", "max-samples", "max-new-tokens"})),
       .validate = validate_mt_bench,
       .run = run_mt_bench,
       .rescore = rescore_mt_bench,
       .rescore_flags = joined(with_judge_flags({"data", "profile"}), connection_flag_names()),
       .indivisible = "--suite mt-bench asks second turns behind the answers to the first"},
  };
  return table;
}

void group_suite_flags(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_group() != app.get_help_ptr()->get_group() || option->get_lnames().empty())
      continue;
    const std::string takers = takers_of(option->get_lnames()[0]);
    if (takers.empty()) continue;
    const bool is_of_one = takers.find(',') == std::string::npos;
    option->group(is_of_one ? "Of --suite " + takers : "Of several suites");
  }
}

const Suite& find_suite(const std::string& name) {
  std::string known;
  for (const Suite& suite : suites()) {
    if (name == suite.name) return suite;
    known += (known.empty() ? "" : ", ") + std::string(suite.name);
  }
  user_error("--suite is \"", name, "\", expected one of: ", known);
}

void check_suite_flags(const Suite& suite, const Invocation& invocation, bool rescores) {
  for (const std::string& flag : invocation.on_command_line) {
    const std::string takers = takers_of(flag);
    if (!takers.empty() && !has_flag(suite.flags, flag)) {
      user_error("--", flag, " does not belong to --suite ", suite.name, ", but to ", takers);
    }
    if (rescores && !has_flag(kFlagsWithoutModel, flag) && !has_flag(suite.rescore_flags, flag)) {
      user_error(
          "--", flag, " has no effect with --rescore, which reads answers of an earlier run");
    }
  }
}

bool EvalCommandOptions::is_given(const std::string& flag) const { return has_flag(given, flag); }

eval::ThinkingOptions EvalCommandOptions::resolved_thinking() const {
  return {.use = eval::parse_thinking(thinking),
          .budget = thinking_budget,
          .automatic_is_silent = suite == "helmet"};
}

std::optional<int64_t> EvalCommandOptions::given_max_samples() const {
  return is_given("max-samples") ? std::optional(max_samples) : std::nullopt;
}

int64_t EvalCommandOptions::given_max_new_tokens() const {
  return has_flag(given, "max-new-tokens") ? grid.grid.max_new_tokens : 0;
}

InferenceLm Evaluation::load_model() const {
  InferenceLm model(
      CausalLm::load(*checkpoint, config, device, parse_dtype(common.dtype, config.dtype)));
  run.set_compute(compute_path(model));
  log::info("computes on " + compute_path(model));
  if (mean_text) masked_heads = mean_text->measure(model, *tokenizer, masked_heads.heads());
  return model;
}

eval::Subject Evaluation::subject(const InferenceLm& model) const {
  return {.model = model,
          .tokenizer = *tokenizer,
          .masked_heads = masked_heads,
          .eos_token_ids = with_eos_token(checkpoint->eos_token_ids(), *tokenizer, options.model)};
}

std::optional<std::vector<Json>> Evaluation::answer_waiting(
    SampleJournal journal, const std::function<void(SampleJournal& journal)>& answer) const {
  if (!journal.is_complete()) answer(journal);
  std::vector<Json> rows = std::move(journal).close();
  if (!divided.is_part()) return rows;
  divided.finish_part(rows.size());
  return std::nullopt;
}

void Evaluation::set_throughput(const char* name, int64_t count, double seconds) const {
  if (count > 0) run.set_throughput(name, static_cast<double>(count) / seconds);
}

}  // namespace retmask::cli
