#include "eval_command.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "eval_compare.h"
#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/helmet_files.h"
#include "retmask/model/device.h"
#include "server_flags.h"

namespace retmask::cli {
namespace {

RunRules eval_rules() {
  RunRules rules = niah_rules();
  rules.ignored = judge_flag_names();
  for (const std::string& flag : judge_flag_names("nli")) rules.ignored.push_back(flag);
  for (const std::string& flag : connection_flag_names()) rules.ignored.push_back(flag);
  // A judge may be asked later. Its files are then compared as inputs.
  rules.ignored.insert(rules.ignored.end(),
                       {"judge-prompts",
                        "punkt",
                        "judge-references",
                        "nli-command",
                        "endpoint",
                        "batch-size",
                        "batch-tokens",
                        "save-prompts"});
  rules.inputs.insert(rules.inputs.end(),
                      {{"data", "data"}, {"mask", "mask"}, {"rescore", "answers"}});
  add_mask_mode_rules(rules);
  return rules;
}

// Of a suite that a server answers.
void check_server(const Suite& suite, const EvalCommandOptions& options) {
  if (!suite.needs_model.empty()) {
    user_error(
        "--endpoint: --suite ", suite.name, " ", suite.needs_model, "; give --model instead");
  }
  for (const char* flag : {"mask", "heads", "mask-mode", "chat", "thinking", "thinking-budget"}) {
    if (std::ranges::find(options.given, flag) == options.given.end()) continue;
    user_error("--",
               flag,
               " has no effect with --endpoint: the server has its own model and chat template");
  }
}

// Evaluates the model behind --endpoint; of --model, only the tokenizer and its template are used,
// where a suite counts tokens.
void evaluate_server(const Suite& suite,
                     const EvalCommandOptions& options,
                     const Invocation& invocation) {
  check_server(suite, options);
  DividedRun divided({.flags = options.workers,
                      .journal = kPredictions,
                      .rules = eval_rules(),
                      .models = {options.model},
                      .indivisible = "--endpoint sends all samples to one server"},
                     invocation);
  RunRecord& run = divided.record();
  record_server("endpoint", options.server, run);
  ModelConfig config;
  config.max_positions = std::numeric_limits<int64_t>::max() / 4;  // the server knows its own
  std::unique_ptr<const Tokenizer> tokenizer;
  if (!options.model.empty()) tokenizer = Tokenizer::load(options.model);
  HeadMask masked_heads;
  const std::optional<MeanText> mean_text;
  suite.run({options,
             divided.common(),
             /*checkpoint=*/nullptr,
             config,
             tokenizer.get(),
             masked_heads,
             mean_text,
             torch::kCPU,
             divided,
             run});
  run.finish();
}

void evaluate(const Suite& suite, const EvalCommandOptions& options, const Invocation& invocation) {
  if (suite.run == nullptr) {
    user_error("--suite ", suite.name, " needs --rescore: a file with answers of a model");
  }
  options.server.validate("--endpoint", "--endpoint-model");
  options.resolved_thinking().validate();
  if (options.server.given()) {
    if (suite.validate != nullptr) suite.validate(options);
    evaluate_server(suite, options, invocation);
    return;
  }
  if (options.model.empty()) user_error("--model is required: Checkpoint folder");
  if (!options.mask.empty() && !options.heads.empty()) {
    user_error("--mask and --heads both select the masked heads; give only one of them");
  }
  options.mask_mode.validate(!options.mask.empty() || !options.heads.empty(), "--mask or --heads");
  if (suite.validate != nullptr) suite.validate(options);
  const torch::Device device = parse_device(invocation.common.device);

  DividedRun divided({.flags = options.workers,
                      .journal = kPredictions,
                      .rules = eval_rules(),
                      .models = {options.model},
                      .indivisible = suite.indivisible},
                     invocation);
  const CommonOptions& common = divided.common();
  RunRecord& run = divided.record();
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
  suite.run({options,
             common,
             &checkpoint,
             config,
             tokenizer.get(),
             masked_heads,
             mean_text,
             device,
             divided,
             run});
  run.finish();
}

void rescore(const Suite& suite, const EvalCommandOptions& options, const Invocation& invocation) {
  if (suite.rescore == nullptr) user_error("--suite ", suite.name, " does not support --rescore");
  std::filesystem::path answers = options.rescore;
  const bool is_folder = std::filesystem::is_directory(answers);
  const bool is_own = is_folder && std::filesystem::exists(answers / "predictions.jsonl");
  if (is_own || (is_folder && !suite.rescores_folders)) answers /= "predictions.jsonl";
  check_not_a_stream(answers, "file of answers");
  const OutputLock lock = invocation.claim_out({});
  RunRecord run = invocation.start_run(eval_rules());
  const bool is_one_file = !std::filesystem::is_directory(answers);
  run.add_input("answers",
                is_one_file ? sha256_file(answers) : hash_files(eval::find_helmet_files(answers)));
  if (!options.data.empty() && !suite.rescores_folders)
    run.add_input("data", sha256_file(options.data));
  suite.rescore({suite.name, options, answers, invocation.common.out, run});
  run.finish();
}

// Flags of --compare, which reads the results of earlier runs.
void check_compare_flags(const Invocation& invocation) {
  const std::vector<std::string> allowed = {
      "compare", "niah-score", "config", "out", "seed", "device", "dtype", "threads", "quiet"};
  for (const std::string& flag : invocation.on_command_line) {
    if (std::find(allowed.begin(), allowed.end(), flag) == allowed.end()) {
      user_error("--", flag, " has no effect with --compare, which reads results of earlier runs");
    }
  }
}

void run_eval(const EvalCommandOptions& options, const Invocation& invocation) {
  if (!options.compare.empty()) {
    check_compare_flags(invocation);
    compare_evaluations(options.compare, eval::parse_niah_score(options.niah_score), invocation);
    return;
  }
  if (options.is_given("niah-score"))
    user_error("--niah-score belongs to --compare, which is not given");
  if (options.suite.empty()) user_error("--suite is required: the benchmark to run");
  const Suite& suite = find_suite(options.suite);
  check_suite_flags(suite, invocation, !options.rescore.empty());
  if (options.rescore.empty()) {
    evaluate(suite, options, invocation);
  } else {
    rescore(suite, options, invocation);
  }
}

void add_helmet_flags(Command& command, HelmetFlags& flags) {
  add_list_option(command,
                  "--categories",
                  flags.categories,
                  "Recall, RAG, Re-rank, Cite, LongQA, Summ, ICL (all unless given)");
  CLI::App& app = *command.app;
  app.add_option("--shots", flags.shots, "Demonstrations in a prompt (not of ICL)");
  app.add_option("--length-tokenizer",
                 flags.length_tokenizer,
                 "Folder with Llama 2's tokenizer, by which LongQA's and Summ's documents "
                 "are chosen and cut (unless given: all are taken, cut by the model's tokens)");
  app.add_flag(
      "--stop-newline",
      flags.stop_newline,
      "End answers of RAG, Re-rank and ICL with their first line, as HELMET's configuration "
      "asks (its code ignores the key)");
  app.add_flag("--rouge-proxy",
               flags.rouge_proxy,
               "ROUGE-L F1 in place of the judge's scores of LongQA and Summ");
  add_judge_flags(app, flags.nli, "helmet, entailment of Cite's citations, replies 1 or 0");
  add_judge_command_flag(app, flags.nli);
  app.add_option("--punkt",
                 flags.punkt,
                 "helmet: NLTK's folder tokenizers/punkt_tab/english, which splits ASQA's answers "
                 "into sentences; needed for citations")
      ->group("Servers");
}

std::string suite_list() {
  std::string list;
  for (const Suite& suite : suites()) {
    list += (list.empty() ? "" : "; ") + std::string(suite.name) + " (" + suite.summary + ")";
  }
  return list;
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
  app.add_option("--suite", options->suite, "Benchmark: " + suite_list());
  app.add_option(
      "--data",
      options->data,
      "logprob: JSONL file with text, messages, or prompt and completion per row; choice: request "
      "file, or sample file of lm-evaluation-harness; kv: with ordered_kv_records, key and "
      "value (generated unless given); qa, and ruler's qa_1 and qa_2: with question, answers and "
      "ctxs; mrcr: a file of openai/mrcr; mmlu-pro, gpqa, math500, humaneval and mt-bench: the "
      "file with their questions; helmet: the folder with data and prompts of HELMET's repository "
      "and the files of its archive");
  app.add_option("--mask", options->mask, "mask.json with the heads to mask");
  add_list_option(
      command, "--heads", options->heads, "Heads to mask, LAYER-HEAD,... (instead of --mask)");
  command.alternatives.push_back({.sets = {{"mask"}, {"heads"}}});
  add_mask_mode_flags(app, options->mask_mode);
  add_niah_flags(command, options->grid);
  add_list_option(command,
                  "--tasks",
                  options->tasks,
                  "Tasks of the suite (all unless given; ruler's qa_1 and qa_2 only with --data); "
                  "helmet: kilt_nq, alce_asqa_30, ..., or NAME:TEST_FILE[:DEMO_FILE]");
  add_helmet_flags(command, options->helmet);
  add_list_option(command,
                  "--keys",
                  options->keys,
                  "Numbers of keys (instead of --lengths; 75, or all of a row of --data, unless "
                  "given)");
  command.alternatives.push_back({.sets = {{"keys"}, {"lengths"}}});
  app.add_option("--max-samples",
                 options->max_samples,
                 "Most samples per task and length (logprob and choice: all unless given; helmet: "
                 "as HELMET unless given; 0: all)");
  app.add_option(
      "--profile",
      options->profile,
      "Whose prompt and rule for answers: mmlu-pro: official (default), lm-eval, swallow; gpqa: "
      "swallow (default), simple-evals, lm-eval; math500: swallow (default), lm-eval, minerva, "
      "simple-evals; humaneval: official (default), lm-eval, simple-evals, swallow; mt-bench: "
      "official (default), swallow");
  app.add_flag("--allow-code-exec",
               options->allow_code_execution,
               "Let programs that a model wrote run on this machine, in a sandbox without "
               "network and with limits");
  app.add_flag("--save-prompts",
               options->save_prompts,
               "Also write prompts.jsonl: the text of each sample's prompt, with special tokens");
  app.add_option("--thinking",
                 options->thinking,
                 "Reasoning models: off (the chat template is told not to think), auto (off, but "
                 "with a template that always opens the thinking; in helmet the template is told "
                 "nothing, as by HELMET) or on (told to think; the answer "
                 "is what follows </think>, and is empty if that never comes); without a budget, "
                 "thinking and answer share the suite's limit of new tokens");
  add_count_option(app,
                   "--thinking-budget",
                   options->thinking_budget,
                   "With --thinking on: most tokens of thinking, which is then ended as by Qwen3's "
                   "authors; the answer has the suite's limit for itself (0: no budget)");
  app.add_option("--batch-size", options->batch_size, "Samples generated in one batch");
  add_count_option(app,
                   "--batch-tokens",
                   options->batch_tokens,
                   "logprob, choice: most tokens per forward pass");
  add_server_flags(app,
                   {.url = "--endpoint",
                    .model = "--endpoint-model",
                    .what = "Evaluate a model behind an OpenAI-compatible server instead: "
                            "http://host:8000/v1 (--model then only counts tokens, for suites "
                            "with --lengths)"},
                   options->server);
  add_connection_flags(app, options->server);
  add_judge_flags(app, options->judge, "mt-bench, and helmet's LongQA and Summ");
  app.add_option(
         "--judge-prompts",
         options->judge_prompts,
         "mt-bench: judge_prompts.jsonl of FastChat's llm_judge; helmet: folder with the judge's "
         "prompts as .txt files (our own unless given)")
      ->group("Servers");
  app.add_option("--judge-references",
                 options->judge_references,
                 "mt-bench: reference answers for math, reasoning and coding, "
                 "reference_answer/gpt-4.jsonl of FastChat's llm_judge")
      ->group("Servers");
  add_worker_flags(command, options->workers, "samples");
  app.add_option("--rescore",
                 options->rescore,
                 "Compute the scores again from the answers in this predictions.jsonl, or folder "
                 "with one, without a model");
  // Not a list option: commas also separate the runs of a group, see eval::parse_run_groups().
  app.add_option(
      "--compare",
      options->compare,
      "Compare the runs in these folders, or in folders of the same names in them, with "
      "the first: differences with intervals (needs no other flag but --out). NAME=DIR,DIR is a "
      "group of runs that differ in their training seed, compared by its mean");
  app.add_option(
         "--niah-score",
         options->niah_score,
         "With --compare, of niah: success (found or not) or recall (of the needle's words), "
         "which tells small changes apart")
      ->capture_default_str();
  group_suite_flags(app);
  command.run = [options](const Invocation& invocation) {
    options->seed = invocation.common.seed;
    options->threads = invocation.common.threads;
    options->given = invocation.given;
    const auto run = [&] { run_eval(*options, invocation); };
    if (options->rescore.empty() && options->compare.empty()) {
      run_divided(setup_eval, options->workers, eval_rules(), invocation, run);
    } else {
      run();  // without a model
    }
  };
  return command;
}

}  // namespace retmask::cli
