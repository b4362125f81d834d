#include "synthesize_command.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "local_workers.h"
#include "part_records.h"
#include "retmask/base/child_processes.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/memory.h"
#include "retmask/base/part.h"
#include "retmask/base/stop_signals.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/device.h"
#include "retmask/synthesize/options.h"
#include "retmask/synthesize/prompts.h"
#include "retmask/synthesize/synthesize.h"
#include "synthesize_flags.h"
#include "worker_flags.h"

namespace retmask::cli {
namespace {

// These affect which answers are generated and in which order, never the answers themselves.
const std::vector<std::string> kChoosingFlags = {"language",
                                                 "exclude-redacted",
                                                 "exclude-toxic",
                                                 "min-turns",
                                                 "max-turns",
                                                 "min-prompt-tokens",
                                                 "max-prompt-tokens",
                                                 "deduplicate",
                                                 "sample",
                                                 "limit",
                                                 "samples",
                                                 "batch-size",
                                                 "kv-cache-mib",
                                                 "drop-redacted",
                                                 "drop-unfinished",
                                                 "drop-runaway",
                                                 "runaway-tokens"};

constexpr const char* kDivided = "prompts";

// Of a single worker's run.
constexpr const char* kAnswerJournal = "answers.jsonl";

// Where and how a part was generated.
const std::vector<std::string> kPartFlags = {
    "out", "device", "threads", "quiet", "batch-size", "kv-cache-mib", "shard", "workers", "merge"};

// "enable_thinking=false": the value is JSON if it parses as such, otherwise text.
Json parse_template_variables(const std::vector<std::string>& assignments) {
  Json variables = Json::object();
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      user_error("--template-var is \"", assignment, "\", expected NAME=VALUE");
    }
    const std::string value = assignment.substr(equals + 1);
    check_json_depth(value, "--template-var " + assignment.substr(0, equals));
    variables[assignment.substr(0, equals)] = try_parse_json(value).value_or(Json(value));
  }
  return variables;
}

// What the flags ask for.
struct Job {
  synthesize::ResolvedOptions options;
  MaskPlan mask;  // may write options.mask
};

// `dir` is the folder of the run or of its part `part`. Throws UserError.
Job resolve_flags(const SynthesizeCommandOptions& flags,
                  const CommonOptions& common,
                  const std::filesystem::path& dir,
                  const Part& part = {}) {
  synthesize::Options options = flags.synthesize;
  options.prompts.turns = synthesize::parse_turns(flags.turns);
  options.selection.shard = part.shard;
  options.selection.num_shards = part.num_shards;
  options.selection.seed = common.seed;
  options.thinking = synthesize::parse_thinking(flags.thinking);
  options.template_variables = parse_template_variables(flags.template_variables);
  options.decoding.seed = common.seed;
  options.device = common.device;
  options.dtype = common.dtype;
  options.strategy = synthesize::parse_strategy(flags.strategy);
  share_endpoint_flags(flags.endpoints, options);
  const MaskPlan mask = plan_mask(flags.mask, options, common.seed);
  if (mask.select) {
    const mask::SelectOptions& select = mask.select->select;
    const std::string heads = CLI::detail::join(select.heads, ",");
    options.mask_label = to_string(select.selection) + " heads of " +
                         (heads.empty() ? mask.select->scores.string() : heads);
  } else {
    options.mask_label = options.mask.string();
  }
  if (mask.writes()) options.mask = dir / "mask.json";
  return {.options = synthesize::resolve(options), .mask = mask};
}

std::vector<std::string> flags_that_may_change() {
  std::vector<std::string> flags = kChoosingFlags;
  flags.push_back("workers");
  flags.insert(flags.end(), kIgnoredEndpointFlags.begin(), kIgnoredEndpointFlags.end());
  return flags;
}

RunRules run_rules() {
  RunRules rules{.ignored = flags_that_may_change(),
                 .inputs = {{"model", "model"},
                            {"prompts", "prompts"},
                            {"mask", "mask"},
                            {"scores", "scores"},
                            {"rejected-model", "rejected-model"},
                            {"judge-prompt", "judge-prompt"}},
                 .settled = {{"strategy", "strategy"}, {"dtype", "dtype"}}};
  add_mask_mode_rules(rules);
  return rules;
}

// Returns the data type used for computation.
std::string record_model(const std::string& name,
                         const std::filesystem::path& dir,
                         const std::string& dtype,
                         RunRecord& run) {
  const Checkpoint checkpoint(dir);
  add_model_input(name, checkpoint, run);
  const ModelConfig config =
      parse_model_config(checkpoint.config(), (dir / "config.json").string());
  return c10::toString(parse_dtype(dtype, config.dtype));
}

// Records the inputs, and writes the mask if the job says so; `ready_mask` as in write_mask().
void record_inputs(const Job& job,
                   const CommonOptions& common,
                   const std::filesystem::path& ready_mask,
                   RunRecord& run) {
  const synthesize::ResolvedOptions& options = job.options;
  Json dtypes = Json::object();
  for (const auto& [name, dir] :
       {std::pair<std::string, std::filesystem::path>("model", options.model),
        {"rejected-model", options.rejected_model}}) {
    if (!dir.empty()) dtypes[name] = record_model(name, dir, options.dtype, run);
  }
  if (!dtypes.empty()) run.settle("dtype", dtypes);
  run.settle("strategy", to_string(options.strategy));
  run.add_input("prompts",
                synthesize::hash_prompt_files(options.prompts),
                synthesize::older_hash_of_prompt_files(options.prompts));
  record_endpoints(options, run);
  write_mask(job.mask, options.model, options.mask, ready_mask, common, run);
}

// --model and --rejected-model, which must not be modified.
std::vector<std::filesystem::path> models_of(const SynthesizeCommandOptions& options) {
  return {options.synthesize.model, options.synthesize.rejected_model};
}

void record_memory(const synthesize::MemoryUse& memory, RunRecord& run) {
  run.set_memory(memory.budget.to_json(), memory.peak);
  run.set_compute(memory.compute);
  log::info("peak memory " + format_bytes(memory.peak) + ", planned " +
            format_bytes(memory.budget.total()));
}

void print_lengths(const char* policy, const synthesize::LengthStats& lengths) {
  std::printf("%-9s %8ld %8.1f %8.1f %8.1f %8ld\n",
              policy,
              lengths.answers,
              lengths.mean,
              lengths.median,
              lengths.p90,
              lengths.max);
}

void print_result(const synthesize::Result& result, const std::filesystem::path& out) {
  const synthesize::Summary& summary = result.summary;
  std::printf("tokens     answers     mean   median      p90      max\n");
  print_lengths("chosen", summary.lengths(synthesize::Policy::chosen));
  if (has_rejected_policy(result.strategy)) {
    print_lengths("rejected", summary.lengths(synthesize::Policy::rejected));
  }
  if (result.generated_answers > 0) {
    std::printf("%ld tokens in %.1f s, %.0f tokens/s\n",
                result.generated_tokens,
                result.generation_seconds,
                result.tokens_per_second());
  }
  const bool sft = result.strategy == synthesize::Strategy::sft;
  std::printf("%s: %ld kept, %ld dropped",
              sft ? "rows" : "pairs",
              summary.kept_pairs(),
              summary.dropped_pairs());
  for (const synthesize::DropReason reason : synthesize::kDropReasons) {
    const int64_t count = summary.dropped_pairs(reason);
    if (count > 0) std::printf(", %ld %s", count, synthesize::to_string(reason).c_str());
  }
  std::printf(": %s\n", (out / (sft ? "sft.jsonl" : "pairs.jsonl")).c_str());
}

std::string advice_on(synthesize::DropReason reason) {
  using enum synthesize::DropReason;
  switch (reason) {
    case prompt_too_long:
      return "shorten the prompts or lower --max-new-tokens: both must fit into the model's "
             "positions";
    case equal_answers:
      return "check that the rejected answers come from a different policy than the chosen ones";
    case unfinished:
      return "raise --max-new-tokens, or keep unfinished answers (--drop-unfinished, --thinking)";
    default:
      return "check the answers in answers.jsonl";
  }
}

// Fails if a whole run (a part may be empty) kept nothing: the next step of a script would train on
// nothing.
void check_kept(const synthesize::Result& result) {
  const synthesize::Summary& summary = result.summary;
  if (summary.kept_pairs() > 0 || summary.dropped_pairs() == 0) return;
  synthesize::DropReason most = synthesize::kDropReasons.front();
  std::string counts;
  for (const synthesize::DropReason reason : synthesize::kDropReasons) {
    const int64_t count = summary.dropped_pairs(reason);
    if (count == 0) continue;
    if (count > summary.dropped_pairs(most)) most = reason;
    counts += (counts.empty() ? "" : ", ") + std::to_string(count) + " " + to_string(reason);
  }
  const bool sft = result.strategy == synthesize::Strategy::sft;
  user_error("0 ",
             sft ? "rows" : "pairs",
             " were kept, all were dropped (",
             counts,
             "); ",
             advice_on(most));
}

void run_worker(const SynthesizeCommandOptions& options, Invocation invocation) {
  const auto local_part = part_of_local_worker();
  if (local_part) join_workers(*local_part, invocation.common);
  const Part part = local_part ? *local_part : own_part(options.workers, kDivided);
  const bool is_whole = part.is_whole();
  invocation.options["shard"] = part.name();
  const std::filesystem::path out = invocation.common.out;
  std::optional<OutputLock> lock;  // for a local worker the parent process holds it
  if (!local_part) {
    lock.emplace(invocation.claim_out(
        models_of(options), is_whole ? OutputLock::Mode::alone : OutputLock::Mode::together));
  }
  invocation.common.out = part_dir(out, part, kAnswerJournal);
  const CommonOptions& common = invocation.common;
  std::optional<OutputLock> own_lock;
  if (!is_whole) own_lock.emplace(common.out);
  Job job = resolve_flags(options, common, common.out, part);

  // All workers of a run share one moment, so they look for it one at a time.
  std::optional<OutputLock> turn;
  if (!is_whole) turn.emplace(OutputLock::wait_for_turn(out, ".start.lock"));
  RunRecord run = invocation.start_run(run_rules(), is_whole ? std::nullopt : moment_of_parts(out));
  turn.reset();
  job.options.moment = run.moment();
  if (!job.options.model.empty() || !job.options.rejected_model.empty()) {
    run.set_device(parse_device(job.options.device).str());
  }
  // The parent process of a local worker has written the mask.
  record_inputs(job, common, local_part ? out / "mask.json" : std::filesystem::path(), run);
  const synthesize::Result result = synthesize::run(job.options, common.out, stop_asked_by);
  if (result.generated_answers > 0) {
    run.set_throughput("tokens_per_second", result.tokens_per_second());
  }
  if (result.memory) record_memory(*result.memory, run);
  if (!local_part) print_result(result, common.out);
  if (is_whole) check_kept(result);
  run.finish();
}

// `options` and `common` already hold the parts' flags.
void merge_parts(const PartRecords& parts,
                 const SynthesizeCommandOptions& options,
                 const CommonOptions& common,
                 RunRecord& run) {
  Job job = resolve_flags(options, common, common.out);
  job.options.moment = parts.moment;
  const std::string prompts = parts.inputs.value("prompts", "");
  if (synthesize::hash_prompt_files(job.options.prompts) != prompts &&
      synthesize::older_hash_of_prompt_files(job.options.prompts) != prompts) {
    user_error("--merge: the files of --prompts have changed since ", parts.dirs.front(), " ran");
  }
  run.set_device(parts.device);
  for (const auto& [name, hash] : parts.inputs.items()) {
    const auto& endpoints = kIgnoredEndpointFlags;
    if (std::ranges::find(endpoints, name) != endpoints.end()) {
      run.note_input(name, hash);
    } else {
      run.add_input(name, hash);
    }
  }
  for (const auto& [folder, hashes] : parts.input_files.items()) {
    run.add_input_folder(folder, hashes.get<std::map<std::string, std::string>>());
  }
  for (const auto& [name, meaning] : parts.settled.items()) run.settle(name, meaning);
  const synthesize::Result result = synthesize::merge(job.options, common.out);
  for (const auto& [name, value] : parts.throughput) run.set_throughput(name, value);
  print_result(result, common.out);
  check_kept(result);
  run.finish();
}

PartRules part_rules() {
  return {.run = run_rules(),
          .part_flags = kPartFlags,
          .free_flags = kChoosingFlags,
          .free_inputs = kIgnoredEndpointFlags};
}

void run_merge(const SynthesizeCommandOptions& options, const Invocation& invocation) {
  const OutputLock lock = invocation.claim_out(models_of(options));
  RunRecord run = invocation.start_run(run_rules(), invocation.parts->moment);
  merge_parts(*invocation.parts, options, invocation.common, run);
}

// Runs all workers on this machine. Input errors are reported here, once.
void run_workers(const SynthesizeCommandOptions& options,
                 const CommonOptions& common,
                 Invocation invocation,
                 int64_t count) {
  Job job = resolve_flags(options, common, common.out);
  const OutputLock lock = invocation.claim_out(models_of(options));
  part_dir(common.out, {.shard = 0, .num_shards = count}, kAnswerJournal);
  invocation.options["merge"] = true;  // as if the parts were merged by hand
  RunRecord run = invocation.start_run(run_rules(), moment_of_parts(common.out));
  job.options.moment = run.moment();
  record_inputs(job, common, /*ready_mask=*/{}, run);
  synthesize::check_inputs(job.options);
  run_local_workers(count);
  merge_parts(read_part_records(invocation, part_rules()), options, common, run);
}

}  // namespace

Command setup_synthesize(CLI::App& root) {
  auto options = std::make_shared<SynthesizeCommandOptions>();
  Command command = add_command(
      root,
      "synthesize",
      "Generate preference pairs from a model with and without its retrieval heads, or by another "
      "strategy",
      "--model llama --prompts prompts.jsonl --mask runs/masked/mask.json --out runs/pairs");
  add_synthesize_flags(command, *options);
  // Required flags are checked by validate(), because --merge takes them from the parts.
  command.run = [options, common = command.common](const Invocation& given) {
    if (given.parts) {
      run_merge(*options, given);
      return;
    }
    if (options->workers.merge) {
      run_with_flags_of_parts(setup_synthesize, given, part_rules());
      return;
    }
    if (part_of_local_worker()) {
      run_as_local_worker([&] { run_worker(*options, given); });
      return;
    }
    const synthesize::Options& o = options->synthesize;
    const bool uses_models = !o.model.empty() || !o.rejected_model.empty();
    const int64_t workers = num_workers(options->workers, kDivided, common->device, uses_models);
    if (workers > 1) {
      run_workers(*options, *common, given, workers);
    } else {
      run_worker(*options, given);
    }
  };
  return command;
}

}  // namespace retmask::cli
