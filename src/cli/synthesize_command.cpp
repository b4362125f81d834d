#include "synthesize_command.h"

#include <cstdio>
#include <iostream>

#include "endpoint_flags.h"
#include "mask_flags.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/device.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::cli {
namespace {

struct SynthesizeCommandOptions {
  synthesize::Options synthesize;
  std::string strategy = to_string(synthesize::Strategy::automatic);
  MaskFlags mask;
  EndpointFlags endpoints;
  std::string shard = "0/1";
  std::vector<std::string> template_variables;  // NAME=VALUE
};

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
  synthesize::parse_shard(options.shard, resolved.selection);
  resolved.template_variables = parse_template_variables(options.template_variables);
  resolved.decoding.seed = common.seed;
  resolved.device = common.device;
  resolved.dtype = common.dtype;
  resolved.strategy = synthesize::parse_strategy(options.strategy);
  share_endpoint_flags(options.endpoints, resolved);
  return resolved;
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

void run_synthesize(const SynthesizeCommandOptions& options, const Invocation& invocation) {
  const CommonOptions& common = invocation.common;
  synthesize::Options resolved = resolve_options(options, common);
  const auto selection = mask_options(options.mask, resolved, common.seed);
  if (selection) {
    resolved.mask = common.out / "mask.json";
    resolved.mask_label =
        to_string(selection->select.selection) + " heads of " + selection->scores.string();
  }
  resolved.validate();
  // These change which answers are wanted, or their order, never an answer itself.
  std::vector<std::string> ignored = {"limit", "samples", "batch-size", "drop-unfinished"};
  ignored.insert(ignored.end(), kIgnoredEndpointFlags.begin(), kIgnoredEndpointFlags.end());
  RunRecord run = invocation.start_run(ignored);
  record_inputs(resolved, run);
  if (selection) {
    run.add_input("scores", sha256_file(selection->scores));
    mask::run(Checkpoint(resolved.model), *selection, common.out);
  }
  if (!resolved.mask.empty()) run.add_input("mask", sha256_file(resolved.mask));
  const synthesize::Result result = synthesize::run(resolved, common.out);
  if (result.generated_answers > 0) {
    run.set_throughput("tokens_per_second", result.tokens_per_second());
  }
  run.finish();
  print_result(result, common.out);
}

void add_input_flags(CLI::App& app, SynthesizeCommandOptions& options) {
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
  app.add_option("--prompts",
                 o.prompts.files,
                 "Prompt files (.jsonl, .jsonl.gz, .json, .parquet) or folders of them");
  app.add_option(
      "--prompt-field", o.prompts.field, "Column with the prompt; found by name if not given");
  app.add_option(
      "--system-prompt", o.prompts.system_prompt, "For prompts without one of their own");
  app.add_option("--skip", o.selection.skip, "Leave out so many prompts at the start");
  app.add_option("--limit", o.selection.limit, "Take at most so many of the rest (0: all)");
  app.add_option("--shard", options.shard, "Take part i of n of these: 0/4 to 3/4");
  app.add_option("--template-var",
                 options.template_variables,
                 "Variable of the chat template, NAME=VALUE (enable_thinking=false)");
}

void add_generation_flags(CLI::App& app, synthesize::Options& o) {
  app.add_option("--samples", o.samples, "Answers per prompt and policy");
  app.add_option("--temperature", o.decoding.sampling.temperature, "0: the most probable token");
  app.add_option(
      "--top-p", o.decoding.sampling.top_p, "Sample from the fewest tokens with this probability");
  app.add_option(
      "--top-k", o.decoding.sampling.top_k, "Sample from the k most probable tokens (0: all)");
  app.add_option("--max-new-tokens", o.decoding.max_new_tokens, "Longest answer");
  app.add_option("--batch-size", o.decoding.batch_size, "Answers that are written at once");
  app.add_flag("--drop-unfinished", o.pairs.drop_unfinished, "Drop pairs cut at --max-new-tokens");
}

}  // namespace

Command setup_synthesize(CLI::App& root) {
  auto options = std::make_shared<SynthesizeCommandOptions>();
  Command command = add_command(
      root,
      "synthesize",
      "Write preference pairs: with and without retrieval heads, or by another strategy");
  add_input_flags(*command.app, *options);
  add_mask_flags(*command.app, options->mask);
  add_endpoint_flags(*command.app, options->endpoints, options->synthesize);
  add_generation_flags(*command.app, options->synthesize);
  command.required = {"--prompts"};
  command.run = [options](const Invocation& invocation) { run_synthesize(*options, invocation); };
  return command;
}

}  // namespace retmask::cli
