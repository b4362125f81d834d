#include "synthesize_command.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "earlier_options.h"
#include "endpoint_flags.h"
#include "mask_flags.h"
#include "part_records.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/memory.h"
#include "retmask/base/stop_signals.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/device.h"
#include "retmask/synthesize/synthesize.h"
#include "retmask/synthesize/workers.h"

namespace retmask::cli {
namespace {

struct SynthesizeCommandOptions {
  synthesize::Options synthesize;
  std::string strategy = to_string(synthesize::Strategy::automatic);
  MaskFlags mask;
  EndpointFlags endpoints;
  std::string turns = "first";
  std::string thinking = "keep";
  std::string shard;  // empty: SLURM's, or the whole
  bool merge = false;
  std::vector<std::string> template_variables;  // NAME=VALUE
};

// These change which answers are wanted, or their order, never an answer itself.
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

// Where and how a part was made.
const std::vector<std::string> kPartFlags = {
    "out", "device", "threads", "quiet", "batch-size", "kv-cache-mib", "shard", "merge"};

// CLI11 takes a list without a limit for one value at a time when extra arguments are off.
constexpr int kMostStopStrings = 1000;

// "enable_thinking=false": the value is JSON where it reads as such, else text.
Json parse_template_variables(const std::vector<std::string>& assignments) {
  Json variables = Json::object();
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      user_error("--template-var is \"", assignment, "\", expected NAME=VALUE");
    }
    const std::string value = assignment.substr(equals + 1);
    const Json parsed = Json::parse(value, /*cb=*/nullptr, /*allow_exceptions=*/false);
    variables[assignment.substr(0, equals)] = parsed.is_discarded() ? Json(value) : parsed;
  }
  return variables;
}

synthesize::Options resolve_options(const SynthesizeCommandOptions& options,
                                    const CommonOptions& common) {
  synthesize::Options resolved = options.synthesize;
  resolved.prompts.turns = synthesize::parse_turns(options.turns);
  if (!options.shard.empty()) synthesize::parse_shard(options.shard, resolved.selection);
  resolved.selection.seed = common.seed;
  resolved.thinking = synthesize::parse_thinking(options.thinking);
  resolved.template_variables = parse_template_variables(options.template_variables);
  resolved.decoding.seed = common.seed;
  resolved.device = common.device;
  resolved.dtype = common.dtype;
  resolved.strategy = synthesize::parse_strategy(options.strategy);
  share_endpoint_flags(options.endpoints, resolved);
  return resolved;
}

// Heads that --scores names are written into the run's own mask.json.
std::optional<mask::Options> select_mask(const SynthesizeCommandOptions& options,
                                         const CommonOptions& common,
                                         synthesize::Options& resolved) {
  auto selection = mask_options(options.mask, resolved, common.seed);
  if (selection) {
    resolved.mask = common.out / "mask.json";
    resolved.mask_label =
        to_string(selection->select.selection) + " heads of " + selection->scores.string();
  }
  return selection;
}

std::vector<std::string> flags_that_may_change() {
  std::vector<std::string> flags = kChoosingFlags;
  flags.insert(flags.end(), kIgnoredEndpointFlags.begin(), kIgnoredEndpointFlags.end());
  return flags;
}

void record_inputs(const synthesize::Options& options, RunRecord& run) {
  if (!options.model.empty() || !options.rejected_model.empty()) {
    run.set_device(parse_device(options.device).str());
  }
  if (!options.model.empty()) run.add_input("model", Checkpoint(options.model).fingerprint());
  run.add_input("prompts", synthesize::hash_prompt_files(options.prompts));
  if (!options.rejected_model.empty()) {
    run.add_input("rejected-model", Checkpoint(options.rejected_model).fingerprint());
  }
  record_endpoints(options, run);
}

void record_memory(const synthesize::MemoryUse& memory, RunRecord& run) {
  run.set_memory(memory.budget.to_json(), memory.peak);
  log::info("memory: at most " + format_bytes(memory.peak) + " were taken, " +
            format_bytes(memory.budget.total()) + " were foreseen");
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

// --shard, else SLURM's part, else the whole.
synthesize::Part own_part(const SynthesizeCommandOptions& options,
                          const synthesize::Selection& selection) {
  if (options.shard.empty()) {
    if (const auto part = synthesize::part_from_slurm(std::getenv)) {
      log::info("part " + part->name() + " of the prompts, as SLURM numbers its tasks");
      return *part;
    }
  }
  return {.shard = selection.shard, .num_shards = selection.num_shards};
}

void run_worker(const SynthesizeCommandOptions& options, Invocation invocation) {
  synthesize::Options resolved = resolve_options(options, invocation.common);
  const synthesize::Part part = own_part(options, resolved.selection);
  resolved.selection.shard = part.shard;
  resolved.selection.num_shards = part.num_shards;
  invocation.options["shard"] = part.name();
  invocation.common.out = synthesize::part_dir(invocation.common.out, part);
  const CommonOptions& common = invocation.common;
  const auto selection = select_mask(options, common, resolved);
  resolved.validate();
  const StopSignals signals;

  RunRecord run = invocation.start_run(flags_that_may_change());
  record_inputs(resolved, run);
  if (selection) {
    run.add_input("scores", sha256_file(selection->scores));
    mask::run(Checkpoint(resolved.model), *selection, common.out);
  }
  if (!resolved.mask.empty()) run.add_input("mask", sha256_file(resolved.mask));
  const synthesize::Result result =
      record_stop(run, [&] { return synthesize::run(resolved, common.out, signals.poll()); });
  if (result.generated_answers > 0) {
    run.set_throughput("tokens_per_second", result.tokens_per_second());
  }
  if (result.memory) record_memory(*result.memory, run);
  run.finish();
  print_result(result, common.out);
}

// Those of kChoosingFlags that were set now: what the parts say of them does not matter.
std::vector<std::string> set_choosing_flags(const CLI::App& app) {
  std::vector<std::string> set;
  for (const std::string& name : kChoosingFlags) {
    if (app.get_option("--" + name)->count() > 0) set.push_back(name);
  }
  return set;
}

// The parts' own flags are used; `options` and `common` belong to `app`.
void run_merge(CLI::App& app,
               const SynthesizeCommandOptions& options,
               const CommonOptions& common,
               Invocation invocation) {
  if (!options.shard.empty()) user_error("--merge joins all parts; leave --shard out");
  std::vector<std::string> may_differ = set_choosing_flags(app);
  may_differ.insert(may_differ.end(), kPartFlags.begin(), kPartFlags.end());
  const PartRecords parts = read_part_records(common.out, may_differ);
  take_earlier_options(app, parts.options, kPartFlags, kChoosingFlags, parts.dirs.front().string());
  synthesize::Options resolved = resolve_options(options, common);
  select_mask(options, common, resolved);
  if (synthesize::hash_prompt_files(resolved.prompts) != parts.inputs.value("prompts", "")) {
    user_error("--merge: the files of --prompts have changed since ", parts.dirs.front(), " ran");
  }

  invocation.common = common;
  invocation.options = resolved_options(app);
  RunRecord run = invocation.start_run(flags_that_may_change());
  run.set_device(parts.device);
  for (const auto& [name, hash] : parts.inputs.items()) run.add_input(name, hash);
  const synthesize::Result result = synthesize::merge(resolved, common.out);
  if (parts.tokens_per_second > 0) {
    run.set_throughput("tokens_per_second", parts.tokens_per_second);
  }
  run.finish();
  print_result(result, common.out);
}

void add_model_flags(CLI::App& app, SynthesizeCommandOptions& options) {
  synthesize::Options& o = options.synthesize;
  app.add_option("--strategy",
                 options.strategy,
                 "retrieval-masked, non-retrieval-masked, random-masked, rejected-model, win-lose, "
                 "sft, or auto: what the other flags imply");
  app.add_option("--model", o.model, "Checkpoint folder: its answers are the chosen ones");
  app.add_option(
      "--mask", o.mask, "mask.json: rejected answers come from --model without these heads");
  app.add_option("--rejected-model",
                 o.rejected_model,
                 "Instead of --mask: checkpoint folder of the rejected answers");
  app.add_option("--thinking",
                 options.thinking,
                 "Of reasoning models: keep the thinking in the answers; strip: cut off all up to "
                 "</think> after synthesis (thinking that never ended counts as unfinished); off: "
                 "switch it off in the chat template (enable_thinking=false)");
  app.add_option("--template-var",
                 options.template_variables,
                 "Variable of the chat template, NAME=VALUE (enable_thinking=false)");
}

void add_prompt_flags(Command& command, SynthesizeCommandOptions& options) {
  CLI::App& app = *command.app;
  synthesize::PromptOptions& o = options.synthesize.prompts;
  app.add_option(
      "--prompts", o.files, "Prompt files (.jsonl, .jsonl.gz, .json, .parquet) or folders of them");
  app.add_option("--prompt-field", o.field, "Column with the prompt; found by name if not given");
  app.add_option("--system-prompt", o.system_prompt, "For prompts without one of their own");
  app.add_option(
      "--turns",
      options.turns,
      "first: answer the first user turn; all: the whole conversation up to its last user turn");
  synthesize::PromptFilters& f = o.filters;
  add_list_option(command, "--language", f.languages, "Rows whose \"language\" is one of these");
  app.add_flag("--exclude-redacted", f.exclude_redacted, "Leave out rows marked \"redacted\"");
  app.add_flag("--exclude-toxic",
               f.exclude_toxic,
               "Leave out rows marked \"toxic\", or flagged in \"openai_moderation\"");
  app.add_option("--min-turns", f.min_turns, "Rows with at least so many user turns");
  app.add_option("--max-turns", f.max_turns, "Rows with at most so many user turns (0: any)");
  app.add_option("--min-prompt-tokens", f.min_tokens, "Prompts that long at least, as rendered");
  app.add_option(
      "--max-prompt-tokens", f.max_tokens, "Prompts that long at most, as rendered (0: any)");
  app.add_flag("--deduplicate", f.deduplicate, "Of equal prompts only the first");
}

void add_selection_flags(CLI::App& app, SynthesizeCommandOptions& options) {
  synthesize::Selection& o = options.synthesize.selection;
  app.add_option("--sample",
                 o.sample,
                 "After all filters: draw so many by --seed, kept in the files' order (0: all)");
  app.add_option("--skip", o.skip, "After --sample: leave out so many prompts at the start");
  app.add_option("--limit", o.limit, "After --skip: take at most so many of the rest (0: all)");
  app.add_option("--shard",
                 options.shard,
                 "After --limit: take part i of n, 0/4 to 3/4, and write into OUT/shard-i-of-n; in "
                 "a SLURM array or step the task's number if not given");
  app.add_flag("--merge",
               options.merge,
               "Join the parts in --out into the files of the whole; flags as the parts have them");
}

void add_generation_flags(CLI::App& app, synthesize::Options& o) {
  app.add_option("--samples", o.samples, "Answers per prompt and policy");
  app.add_option("--temperature", o.decoding.sampling.temperature, "0: the most probable token");
  app.add_option(
      "--top-p", o.decoding.sampling.top_p, "Sample from the fewest tokens with this probability");
  app.add_option(
      "--top-k", o.decoding.sampling.top_k, "Sample from the k most probable tokens (0: all)");
  app.add_option("--min-p",
                 o.decoding.sampling.min_p,
                 "Sample from tokens with at least this share of the largest probability (0: all)");
  app.add_option("--repetition-penalty",
                 o.decoding.sampling.repetition_penalty,
                 "Make tokens of the prompt and of the answer so far less likely (1: do not)");
  app.add_option("--stop",
                 o.decoding.stop,
                 "Texts at which an answer ends, which is cut before them; commas are part of them")
      ->expected(1, kMostStopStrings)
      ->allow_extra_args(false);  // with them, CLI11 takes "[END]" for a list
  app.add_flag("--logprobs",
               o.decoding.logprobs,
               "Write the log-prob of each token of the answers: token_logprobs in answers.jsonl, "
               "chosen and rejected.jsonl.gz");
  app.add_option("--max-new-tokens", o.decoding.max_new_tokens, "Longest answer");
  app.add_option("--batch-size", o.decoding.batch_size, "Answers that are written at once");
  app.add_option("--kv-cache-mib",
                 o.decoding.kv_cache_mib,
                 "Memory for the keys and values of running answers (0: automatic)");
}

void add_pair_flags(CLI::App& app, synthesize::PairOptions& o) {
  app.add_flag("--drop-redacted", o.drop_redacted, "Drop pairs of prompts marked \"redacted\"");
  app.add_flag("--drop-unfinished", o.drop_unfinished, "Drop pairs cut at --max-new-tokens");
  app.add_flag("--drop-runaway",
               o.drop_runaway,
               "Drop pairs with an answer that ends in a loop or is longer than --runaway-tokens");
  app.add_option("--runaway-tokens",
                 o.runaway_tokens,
                 "Longer answers count as runaways (0: only those that end in a loop)");
}

}  // namespace

Command setup_synthesize(CLI::App& root) {
  auto options = std::make_shared<SynthesizeCommandOptions>();
  Command command = add_command(
      root,
      "synthesize",
      "Write preference pairs: with and without retrieval heads, or by another strategy");
  add_model_flags(*command.app, *options);
  add_mask_flags(*command.app, options->mask);
  add_endpoint_flags(*command.app, options->endpoints, options->synthesize);
  add_prompt_flags(command, *options);
  add_selection_flags(*command.app, *options);
  add_generation_flags(*command.app, options->synthesize);
  add_pair_flags(*command.app, options->synthesize.pairs);
  // What is required is checked by validate(): --merge knows it from the parts.
  command.run = [options, app = command.app, common = command.common](const Invocation& given) {
    if (options->merge) {
      run_merge(*app, *options, *common, given);
    } else {
      run_worker(*options, given);
    }
  };
  return command;
}

}  // namespace retmask::cli
