#include "synthesize_flags.h"

namespace retmask::cli {
namespace {

// Without extra arguments, CLI11 reads an unlimited list one value at a time, so a limit is needed.
constexpr int kMostStopStrings = 1000;

void add_model_flags(CLI::App& app, SynthesizeCommandOptions& options) {
  synthesize::Options& o = options.synthesize;
  app.add_option("--strategy",
                 options.strategy,
                 "Source of the rejected answers: retrieval-masked, non-retrieval-masked, "
                 "random-masked, rejected-model, win-lose, sft (none), or auto (from the other "
                 "flags)");
  app.add_option(
      "--model", o.model, "Checkpoint folder of the model that generates the chosen answers");
  app.add_option("--mask",
                 o.mask,
                 "mask.json with the heads to mask; the masked --model generates the rejected "
                 "answers");
  app.add_option("--rejected-model",
                 o.rejected_model,
                 "Checkpoint folder of the model that generates the rejected answers (instead of "
                 "--mask)");
  add_max_position_flag(app, o.max_position);
  app.add_option("--thinking",
                 options.thinking,
                 "Reasoning models: keep (leave the thinking in the answers), strip (remove "
                 "everything up to </think>; an answer without </think> counts as unfinished) or "
                 "off (set enable_thinking=false in the chat template)");
  app.add_option("--template-var",
                 options.template_variables,
                 "Variable for the chat template, NAME=VALUE; the value may be JSON");
}

void add_prompt_flags(Command& command, SynthesizeCommandOptions& options) {
  CLI::App& app = *command.app;
  synthesize::PromptOptions& o = options.synthesize.prompts;
  app.add_option(
      "--prompts", o.files, "Prompt files (.jsonl, .jsonl.gz, .json, .parquet) or folders of them");
  app.add_option(
      "--prompt-field", o.field, "Column with the prompt; recognized by its name unless given");
  app.add_option("--system-prompt", o.system_prompt, "System prompt for rows without one");
  app.add_option(
      "--turns",
      options.turns,
      "Turns to use as prompt: first (the first user turn) or all (the conversation up to its last "
      "user turn)");
  synthesize::PromptFilters& f = o.filters;
  add_list_option(
      command, "--language", f.languages, "Keep only rows whose \"language\" is one of these");
  app.add_flag("--exclude-redacted", f.exclude_redacted, "Skip rows marked \"redacted\"");
  app.add_flag("--exclude-toxic",
               f.exclude_toxic,
               "Skip rows marked \"toxic\" or flagged in \"openai_moderation\"");
  app.add_option("--min-turns", f.min_turns, "Fewest user turns of a row");
  app.add_option("--max-turns", f.max_turns, "Most user turns of a row (0: no limit)");
  add_count_option(app, "--min-prompt-tokens", f.min_tokens, "Shortest rendered prompt in tokens");
  add_count_option(
      app, "--max-prompt-tokens", f.max_tokens, "Longest rendered prompt in tokens (0: no limit)");
  app.add_flag("--deduplicate", f.deduplicate, "Keep only the first of equal prompts");
}

void add_selection_flags(Command& command, SynthesizeCommandOptions& options) {
  CLI::App& app = *command.app;
  synthesize::Selection& o = options.synthesize.selection;
  app.add_option("--sample",
                 o.sample,
                 "Number of prompts to draw with --seed after all filters, in file order (0: all)");
  app.add_option("--skip", o.skip, "Number of prompts to skip at the start, after --sample");
  app.add_option("--limit", o.limit, "Most prompts to use, after --skip (0: all)");
  add_worker_flags(command, options.workers, "prompts");
}

void add_generation_flags(CLI::App& app, synthesize::Options& o) {
  app.add_option("--samples", o.samples, "Answers per prompt and policy");
  app.add_option("--temperature",
                 o.decoding.sampling.temperature,
                 "Sampling temperature (0: greedy decoding)");
  app.add_option("--top-p",
                 o.decoding.sampling.top_p,
                 "Sample from the smallest set of tokens with at least this total probability (1: "
                 "all)");
  app.add_option(
      "--top-k", o.decoding.sampling.top_k, "Sample from the k most probable tokens (0: all)");
  app.add_option("--min-p",
                 o.decoding.sampling.min_p,
                 "Sample from tokens with at least this fraction of the largest probability (0: "
                 "all)");
  app.add_option("--repetition-penalty",
                 o.decoding.sampling.repetition_penalty,
                 "Penalty on tokens of the prompt and of the answer so far (1: none)");
  app.add_option("--stop",
                 o.decoding.stop,
                 "Stop string: ends an answer and is removed from it; repeat the flag for several "
                 "(commas do not separate)")
      ->expected(1, kMostStopStrings)
      ->allow_extra_args(false);  // otherwise CLI11 parses "[END]" as a list
  app.add_flag("--logprobs",
               o.decoding.logprobs,
               "Write the log-prob of each answer token as token_logprobs into answers.jsonl, "
               "chosen.jsonl.gz and rejected.jsonl.gz");
  add_count_option(app, "--max-new-tokens", o.decoding.max_new_tokens, "Longest answer in tokens");
  app.add_option("--batch-size",
                 o.decoding.batch_size,
                 "Answers generated concurrently (unless given: 64 on the CPU, 64 to 256 on a GPU "
                 "by its memory)");
  app.add_option(
      "--kv-cache-mib", o.decoding.kv_cache_mib, "Size of the KV cache in MiB (0: automatic)");
}

void add_pair_flags(CLI::App& app, synthesize::PairOptions& o) {
  app.add_flag("--drop-redacted", o.drop_redacted, "Drop pairs of prompts marked \"redacted\"");
  app.add_flag("--drop-unfinished",
               o.drop_unfinished,
               "Drop pairs with an answer that was cut off at --max-new-tokens");
  app.add_flag("--drop-runaway",
               o.drop_runaway,
               "Drop pairs with an answer that ends in a loop or is longer than --runaway-tokens");
  add_count_option(app,
                   "--runaway-tokens",
                   o.runaway_tokens,
                   "Answers longer than this many tokens count as runaways (0: only answers that "
                   "end in a loop)");
}

// A strategy allows some sources of the rejected answers and excludes the others.
std::vector<Alternatives> alternatives() {
  return {
      {.sets = {{"mask", "mask-mode", "mean-text", "strategy=retrieval-masked"},
                {"scores",
                 "mask-mode",
                 "mean-text",
                 "heads",
                 "mask-top-k",
                 "mask-threshold",
                 "strategy=retrieval-masked",
                 "strategy=non-retrieval-masked",
                 "strategy=random-masked"},
                {"rejected-model", "strategy=rejected-model"},
                {"rejected-endpoint",
                 "rejected-endpoint-model",
                 "rejected-endpoint-key-env",
                 "strategy=rejected-model"},
                {"judge-endpoint", "judge-model", "judge-prompt", "strategy=win-lose"},
                {"strategy=sft"}}},
      {.sets = {{"mask-top-k", "scores"}, {"mask-threshold", "scores"}, {"heads"}}},
      // With a masked model both are used: the server generates the chosen answers.
      {.sets = {{"model"}, {"endpoint", "endpoint-model"}}, .unless = {"mask", "scores", "heads"}}};
}

}  // namespace

void add_synthesize_flags(Command& command, SynthesizeCommandOptions& options) {
  CLI::App& app = *command.app;
  add_model_flags(app, options);
  add_mask_flags(command, options.mask);
  add_endpoint_flags(app, options.endpoints, options.synthesize);
  add_prompt_flags(command, options);
  add_selection_flags(command, options);
  add_generation_flags(app, options.synthesize);
  add_pair_flags(app, options.synthesize.pairs);
  for (Alternatives& group : alternatives()) command.alternatives.push_back(std::move(group));
}

}  // namespace retmask::cli
