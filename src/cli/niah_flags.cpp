#include "niah_flags.h"

#include "retmask/base/log.h"

namespace retmask::cli {

niah::GridOptions NiahFlags::resolve(uint64_t seed) const {
  niah::GridOptions resolved = grid;
  resolved.placement = niah::parse_placement(placement);
  resolved.depth_rule = niah::parse_depth_rule(depth_rule);
  resolved.chat = parse_chat_use(chat);
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
                      {"chat", "chat"},
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
      "word with them), all, or the halves of all, dev and test");
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
  app.add_option("--chat",
                 flags.chat,
                 "Prompts in the model's chat template: auto (if it has one), all (it must have "
                 "one) or none (plain text, for base models)");
  add_count_option(app, "--max-new-tokens", grid.max_new_tokens, "Longest answer in tokens");
  command.alternatives.push_back(
      {.sets = {{"lengths"}, {"min-length", "max-length", "length-steps"}}});
}

void settle_chat(bool uses_template, RunRecord& run) {
  run.settle("chat", to_string(uses_template ? ChatUse::all : ChatUse::none));
}

std::unique_ptr<const ChatTemplate> load_prompt_template(ChatUse use,
                                                         const std::filesystem::path& model,
                                                         RunRecord& run) {
  if (use == ChatUse::automatic) {
    use = ChatTemplate::exists(model) ? ChatUse::all : ChatUse::none;
    if (use == ChatUse::none) log::info("the checkpoint has no chat template: plain prompts");
  }
  settle_chat(use == ChatUse::all, run);
  return use == ChatUse::all ? ChatTemplate::load(model) : nullptr;
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
