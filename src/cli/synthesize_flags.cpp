#include "synthesize_flags.h"

namespace retmask::cli {
namespace {

// CLI11 takes a list without a limit for one value at a time when extra arguments are off.
constexpr int kMostStopStrings = 1000;

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
  add_max_position_flag(app, o.max_position);
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
  add_count_option(
      app, "--min-prompt-tokens", f.min_tokens, "Prompts that long at least, as rendered");
  add_count_option(
      app, "--max-prompt-tokens", f.max_tokens, "Prompts that long at most, as rendered (0: any)");
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
  app.add_option("--workers",
                 options.workers,
                 "Processes on this machine that share the prompts; 0: one for each CUDA device, 1 "
                 "on the CPU. Each has its share of --threads");
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
  add_count_option(app, "--max-new-tokens", o.decoding.max_new_tokens, "Longest answer");
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
  add_count_option(app,
                   "--runaway-tokens",
                   o.runaway_tokens,
                   "Longer answers count as runaways (0: only those that end in a loop)");
}

// A strategy goes with some sources of the rejected answers and excludes the others.
std::vector<Alternatives> alternatives() {
  return {
      {.sets = {{"mask", "strategy=retrieval-masked"},
                {"scores",
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
      {.sets = {{"shard"}, {"workers!=0"}}},
      {.sets = {{"shard"}, {"merge=true"}}},
      // With a masked model both are used: the server's answers are the chosen ones.
      {.sets = {{"model"}, {"endpoint", "endpoint-model"}}, .unless = {"mask", "scores", "heads"}}};
}

}  // namespace

void add_synthesize_flags(Command& command, SynthesizeCommandOptions& options) {
  CLI::App& app = *command.app;
  add_model_flags(app, options);
  add_mask_flags(command, options.mask);
  add_endpoint_flags(app, options.endpoints, options.synthesize);
  add_prompt_flags(command, options);
  add_selection_flags(app, options);
  add_generation_flags(app, options.synthesize);
  add_pair_flags(app, options.synthesize.pairs);
  command.alternatives = alternatives();
}

}  // namespace retmask::cli
