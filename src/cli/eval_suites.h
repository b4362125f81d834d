#pragma once
// The suites of eval, one row of a table each. A suite has a file eval_<name>.cpp with the
// functions of its row; add_eval_flags() declares its flags.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "divided_run.h"
#include "judge_flags.h"
#include "mask_mode_flags.h"
#include "niah_flags.h"
#include "retmask/base/sample_journal.h"
#include "retmask/eval/answer_samples.h"
#include "retmask/eval/options.h"
#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/subject.h"
#include "retmask/eval/thinking.h"
#include "retmask/model/inference.h"

namespace retmask::cli {

// Flags of the suite helmet alone.
struct HelmetFlags {
  std::vector<std::string> categories;
  int64_t shots = 2;
  std::filesystem::path length_tokenizer;
  bool stop_newline = false;
  bool rouge_proxy = false;
  JudgeFlags nli{.options = {.name = "nli"}};
  std::filesystem::path punkt;
};

struct EvalCommandOptions {
  std::filesystem::path model;
  int64_t max_position = 0;
  std::string suite;
  std::filesystem::path data;
  std::filesystem::path mask;
  std::vector<std::string> heads;  // instead of a mask
  MaskModeFlags mask_mode;
  std::filesystem::path rescore;     // predictions.jsonl, or a folder with one
  std::vector<std::string> compare;  // folders of earlier runs, or NAME=DIR[,DIR...]
  std::string niah_score = "success";
  NiahFlags grid;  // --lengths, --depths, --haystack and --chat also belong to other suites
  int64_t batch_size = eval::NiahOptions{}.batch_size;
  std::string thinking = to_string(eval::ThinkingOptions{}.use);
  int64_t thinking_budget = 0;
  int64_t batch_tokens = eval::LogprobOptions{}.batch_tokens;
  std::vector<std::string> tasks;
  std::vector<int64_t> keys;
  int64_t max_samples = 100;
  std::string profile;  // whose prompt and metric; empty: the suite's own
  bool allow_code_execution = false;
  bool save_prompts = false;  // to prompts.jsonl
  HelmetFlags helmet;
  endpoint::Options server;  // what is given of it holds for all servers
  JudgeFlags judge;
  std::filesystem::path judge_prompts;
  std::filesystem::path judge_references;
  WorkerFlags workers;
  uint64_t seed = 0;                    // --seed
  int64_t threads = 1;                  // --threads
  std::vector<std::string> given = {};  // names of the flags that were given, also in a config file

  eval::NiahOptions resolved_niah() const;
  eval::ThinkingOptions resolved_thinking() const;
  const std::vector<int64_t>& lengths() const { return grid.grid.lengths; }
  bool is_given(const std::string& flag) const;
  // --max-new-tokens of suites that have a limit of their own; 0: not given.
  int64_t given_max_new_tokens() const;
  // --max-samples of suites that take all samples, or a number of their own, unless it is given.
  std::optional<int64_t> given_max_samples() const;
};

constexpr const char* kPredictions = "predictions.jsonl";

// Inputs of every suite. The weights are loaded after the suite has read its data without errors.
struct Evaluation {
  const EvalCommandOptions& options;
  const CommonOptions& common;
  const Checkpoint* checkpoint;              // null with --endpoint
  const ModelConfig& config;                 // its max_positions are no limit then
  const Tokenizer* tokenizer;                // null without --model, which only --endpoint allows
  HeadMask& masked_heads;                    // load_model() adds the means
  const std::optional<MeanText>& mean_text;  // of means to be measured
  torch::Device device;
  DividedRun& divided;
  RunRecord& run;  // of `divided`

  InferenceLm load_model() const;
  eval::Subject subject(const InferenceLm& model) const;
  // Calls `answer` if samples wait in the journal, and closes it. Returns all rows, in order;
  // nothing in a part of the run, which has no results and is then finished.
  std::optional<std::vector<Json>> answer_waiting(
      SampleJournal journal, const std::function<void(SampleJournal& journal)>& answer) const;
  void set_throughput(const char* name, int64_t count, double seconds) const;
  std::filesystem::path file(const char* name) const { return common.out / name; }
};

// Computes a suite's scores again from the answers of an earlier run.
struct Rescoring {
  const char* suite;
  const EvalCommandOptions& options;
  // An existing .jsonl or .jsonl.gz file, or what else the suite takes.
  std::filesystem::path answers;
  std::filesystem::path out;
  RunRecord& run;

  std::filesystem::path file(const char* name) const { return out / name; }
};

struct Suite {
  const char* name;
  const char* summary;  // for --help
  // Its own flags, without dashes. Flags of no suite (--model, --mask) belong to all.
  std::vector<std::string> flags;
  // Throws UserError for bad options, before any file is opened. Null: nothing to check.
  void (*validate)(const EvalCommandOptions& options);
  // Writes results.json and predictions.jsonl. Null: the suite only rescores.
  void (*run)(const Evaluation& evaluation);
  // Writes them from earlier answers, without a model. Null: the suite cannot.
  void (*rescore)(const Rescoring& rescoring) = nullptr;
  std::vector<std::string> rescore_flags = {};  // those of `flags` that --rescore takes
  // It also takes a folder of the reference implementation's result files.
  bool rescores_folders = false;
  // Why a server cannot answer it ("needs ..."); empty: one can (--endpoint).
  std::string needs_model = {};
  // Why its samples cannot be divided among processes; empty: they can.
  std::string indivisible = {};
};

// In the order of --help.
const std::vector<Suite>& suites();
// Throws UserError that lists the suites.
const Suite& find_suite(const std::string& name);

// Groups the flags of suites in --help. Call it after all flags have been added.
void group_suite_flags(CLI::App& app);

// Throws UserError for a flag on the command line that belongs to other suites, or that has no
// effect with --rescore. A config file may hold flags of several suites.
void check_suite_flags(const Suite& suite, const Invocation& invocation, bool rescores);

// Where the answers to a suite's samples come from.
class AnswerSource {
 public:
  // `evaluation` must outlive this object.
  explicit AnswerSource(const Evaluation& evaluation);

  AnswerSource(const AnswerSource&) = delete;
  AnswerSource& operator=(const AnswerSource&) = delete;

  const eval::PromptEncoder& encoder() const {
    return server_encoder_ ? *server_encoder_ : *encoder_;
  }

  // Rows in the order of the samples, which are journaled in OUT/`file`; nothing in a part of the
  // run. The model is loaded when the first samples wait; with --endpoint, a server answers.
  std::optional<std::vector<Json>> answer(const std::string& title,
                                          std::vector<eval::Sample> samples,
                                          const char* file);

 private:
  eval::AnsweredSamples answer_waiting(const std::vector<eval::Sample>& samples,
                                       const eval::AnswerOptions& options,
                                       SampleJournal& journal);

  const Evaluation& evaluation_;
  std::optional<eval::PromptEncoder> encoder_;  // if there is --model
  std::optional<eval::PromptEncoder> server_encoder_;
  std::optional<InferenceLm> model_;
  std::vector<Json> answered_;  // rows of all calls, for what the server costs
};

// The text of --haystack, or the built-in one; recorded as an input of the run.
std::string load_essays(const Evaluation& evaluation);
// The run of a suite that generates answers. `build`: its samples, after the prompts' encoder is
// made. `summarize`: results.json of its rows; null: task_results_json(). Throws std::runtime_error
// (exit code 1) once all results are written if some samples have no answer.
void run_samples(
    const Evaluation& evaluation,
    const char* suite,
    const std::function<std::vector<eval::Sample>(const eval::PromptEncoder& encoder)>& build,
    const std::function<Json(const std::vector<Json>& rows)>& summarize = nullptr);
// The `rescore` of such a suite.
void rescore_samples(const Rescoring& rescoring);

// Finishes the run and throws std::runtime_error (exit code 1) if some rows have no answer.
void check_all_answered(const std::vector<Json>& rows, RunRecord& run);

// Writes results.json, with the number of answers whose thinking did not end, and prints its tasks
// as a table. `rows`: of predictions.jsonl.
void write_results(const std::filesystem::path& out, const std::vector<Json>& rows, Json results);
// Prints that number, if results.json has it.
void print_unended_thinking(const Json& results, size_t num_rows);
// Throws UserError if the answers lie beside the results of another suite.
void check_same_suite(const Rescoring& rescoring);

void validate_niah(const EvalCommandOptions& options);
void run_niah(const Evaluation& evaluation);
void validate_logprob(const EvalCommandOptions& options);
void run_logprob(const Evaluation& evaluation);
void validate_choice(const EvalCommandOptions& options);
void run_choice(const Evaluation& evaluation);
void validate_ruler(const EvalCommandOptions& options);
void run_ruler(const Evaluation& evaluation);
void validate_kv(const EvalCommandOptions& options);
void run_kv(const Evaluation& evaluation);
void validate_mrcr(const EvalCommandOptions& options);
void run_mrcr(const Evaluation& evaluation);
void validate_qa(const EvalCommandOptions& options);
void run_qa(const Evaluation& evaluation);
// mmlu-pro, gpqa, math500
void validate_questions(const EvalCommandOptions& options);
void run_questions(const Evaluation& evaluation);
void rescore_questions(const Rescoring& rescoring);
void validate_humaneval(const EvalCommandOptions& options);
void run_humaneval(const Evaluation& evaluation);
void rescore_humaneval(const Rescoring& rescoring);
void validate_helmet(const EvalCommandOptions& options);
void run_helmet(const Evaluation& evaluation);
void rescore_helmet(const Rescoring& rescoring);
void validate_mt_bench(const EvalCommandOptions& options);
void run_mt_bench(const Evaluation& evaluation);
void rescore_mt_bench(const Rescoring& rescoring);

}  // namespace retmask::cli
