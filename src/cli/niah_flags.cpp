#include "niah_flags.h"

#include "retmask/base/log.h"

namespace retmask::cli {

niah::GridOptions NiahFlags::resolve(uint64_t seed) const {
  niah::GridOptions resolved = grid;
  resolved.placement = niah::parse_placement(placement);
  resolved.depth_rule = niah::parse_depth_rule(depth_rule);
  resolved.prompt = niah::parse_prompt_form(prompt);
  resolved.seed = seed;
  resolved.validate();
  return resolved;
}

RunRules niah_rules() {
  return {.ignored = {},
          .inputs = {{"model", "model"},
                     {"needles", "needles", /*has_default=*/true},
                     {"haystack", "needles", /*has_default=*/true}},
          .settled = {{"dtype", "dtype"},
                      {"prompt", "prompt"},
                      {"lengths", "lengths"},
                      {"min-length", "lengths"},
                      {"max-length", "lengths"},
                      {"length-steps", "lengths"}}};
}

void add_niah_flags(Command& command, NiahFlags& flags) {
  CLI::App& app = *command.app;
  niah::GridOptions& grid = flags.grid;
  app.add_option(
      "--needles",
      grid.needles,
      "JSONL file with needle, question and real_needle per row, or a built-in set: few "
      "(the default, 3), literal (12), non-literal (12, whose questions share no content "
      "word with them) or all");
  app.add_option(
      "--haystack",
      grid.haystack,
      "Folder with .txt files, or with folders part1, part2, ... (one per needle); built "
      "in unless given");
  take_short_counts(
      add_list_option(command,
                      "--lengths",
                      grid.lengths,
                      "Context lengths in tokens (instead of --min-length, --max-length and "
                      "--length-steps)"));
  add_count_option(
      app, "--min-length", grid.min_length, "Shortest of the evenly spaced lengths, in tokens");
  add_count_option(
      app, "--max-length", grid.max_length, "Longest of the evenly spaced lengths, in tokens");
  app.add_option("--length-steps", grid.length_steps, "Number of evenly spaced lengths");
  app.add_option("--depths", grid.depths, "Number of needle depths per needle and length");
  app.add_option("--depth-rule",
                 flags.depth_rule,
                 "Depths: even (evenly spaced from the start to the end of the context) or random "
                 "(drawn with --seed)");
  app.add_option("--needles-per-context",
                 grid.needles_per_context,
                 "Needles in each context: the one asked for and others, drawn with --seed");
  app.add_option("--placement",
                 flags.placement,
                 "Needle position: sentence (after the sentence that ends before the depth) or "
                 "reference (as in the published code)");
  app.add_option("--prompt",
                 flags.prompt,
                 "chat (in the chat template), plain (the text alone, for base models) or auto "
                 "(chat if the checkpoint has a template)");
  add_count_option(app, "--max-new-tokens", grid.max_new_tokens, "Longest answer in tokens");
  command.alternatives.push_back(
      {.sets = {{"lengths"}, {"min-length", "max-length", "length-steps"}}});
}

std::unique_ptr<const ChatTemplate> load_prompt_template(niah::PromptForm form,
                                                         const Checkpoint& checkpoint,
                                                         RunRecord& run) {
  using niah::PromptForm;
  if (form == PromptForm::automatic) {
    form = ChatTemplate::exists(checkpoint.dir()) ? PromptForm::chat : PromptForm::plain;
    if (form == PromptForm::plain) log::info("the checkpoint has no chat template: plain prompts");
  }
  run.settle("prompt", to_string(form));
  return form == PromptForm::chat ? ChatTemplate::load(checkpoint.dir()) : nullptr;
}

std::vector<niah::Sample> load_samples(const niah::GridOptions& grid,
                                       const niah::PromptTools& tools,
                                       RunRecord& run) {
  const auto data = niah::load_needles_and_haystacks(grid.needles, grid.haystack);
  run.add_input("needles", data.fingerprint());
  run.settle("lengths", grid.context_lengths());
  return niah::build_samples(grid, data, tools);
}

}  // namespace retmask::cli
