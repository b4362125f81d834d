#include "niah_flags.h"

namespace retmask::cli {

niah::GridOptions NiahFlags::resolve() const {
  niah::GridOptions resolved = grid;
  resolved.placement = niah::parse_placement(placement);
  resolved.validate();
  return resolved;
}

RunRules niah_rules() {
  return {.ignored = {},
          .inputs = {{"model", "model"},
                     {"needles", "needles", /*has_default=*/true},
                     {"haystack", "needles", /*has_default=*/true}},
          .settled = {{"dtype", "dtype"},
                      {"lengths", "lengths"},
                      {"min-length", "lengths"},
                      {"max-length", "lengths"},
                      {"length-steps", "lengths"}}};
}

void add_niah_flags(Command& command, NiahFlags& flags) {
  CLI::App& app = *command.app;
  niah::GridOptions& grid = flags.grid;
  app.add_option("--needles",
                 grid.needles,
                 "JSONL file with needle, question and real_needle per row; built in unless given");
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
  app.add_option("--depths",
                 grid.depths,
                 "Number of needle depths, evenly spaced from the start to the end of the context");
  app.add_option("--placement",
                 flags.placement,
                 "Needle position: sentence (after the sentence that ends before the depth) or "
                 "reference (as in the published code)");
  add_count_option(app, "--max-new-tokens", grid.max_new_tokens, "Longest answer in tokens");
  command.alternatives.push_back(
      {.sets = {{"lengths"}, {"min-length", "max-length", "length-steps"}}});
}

std::vector<niah::Sample> load_samples(const niah::GridOptions& grid,
                                       const Checkpoint& checkpoint,
                                       const ModelConfig& config,
                                       const Tokenizer& tokenizer,
                                       RunRecord& run) {
  const auto data = niah::load_needles_and_haystacks(grid.needles, grid.haystack);
  run.add_input("needles", data.fingerprint());
  run.settle("lengths", grid.context_lengths());
  const auto chat_template = ChatTemplate::load(checkpoint.dir());
  return niah::build_samples(
      grid, data, {tokenizer, *chat_template, config.max_positions, run.moment()});
}

}  // namespace retmask::cli
