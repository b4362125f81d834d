#include "detect_compare.h"

#include <algorithm>
#include <iostream>
#include <set>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/format_text.h"
#include "retmask/heads/compare.h"
#include "retmask/model/config.h"
#include "retmask/report/run_report.h"
#include "retmask/report/table.h"
#include "retmask/report/text.h"

namespace fs = std::filesystem;

namespace retmask::cli {
namespace {

constexpr size_t kPrintedMoves = 5;

const std::set<std::string> kOnlyForComparison = {"top", "mask"};
const std::set<std::string> kForComparison = {"compare",
                                              "top",
                                              "mask",
                                              "model",
                                              "config",
                                              "out",
                                              "device",
                                              "dtype",
                                              "seed",
                                              "threads",
                                              "quiet"};

ModelHeads read_model_heads(const fs::path& model) {
  const fs::path file = model / "config.json";
  const ModelConfig config = parse_model_config(read_json_file(file, "config file"), file.string());
  return {.layers = config.num_hidden_layers(),
          .heads = config.num_attention_heads,
          .kv_heads = config.num_key_value_heads};
}

CompareOptions read_options(const CompareFlags& flags, const fs::path& model) {
  CompareOptions options;
  options.top = flags.top;
  options.validate(flags.files.size());  // before any file is opened
  if (!model.empty()) options.model = read_model_heads(model);
  if (!flags.mask.empty())
    options.mask = {flags.mask.string(), read_head_list(flags.mask, "mask file")};
  return options;
}

std::string number_or_dash(const std::optional<double>& value) {
  return value ? format_number(*value) : "-";
}

std::string names_of(const HeadComparison& pair, const HeadComparisons& all) {
  return all.lists[pair.a].name + " (a), " + all.lists[pair.b].name + " (b)" +
         (pair.of_kv_heads ? ", key/value heads" : "");
}

Table overlap_table(const HeadComparison& pair) {
  Table table{.columns = {"top of a", "top of b", "common", "by chance", "p"}, .rows = {}};
  for (const HeadOverlap& overlap : pair.overlap) {
    table.rows.push_back({std::to_string(overlap.k_a),
                          std::to_string(overlap.k_b),
                          std::to_string(overlap.common),
                          number_or_dash(overlap.by_chance),
                          number_or_dash(overlap.p_value)});
  }
  return table;
}

Table moved_table(const HeadComparison& pair) {
  Table table{.columns = {"head", "score a", "score b", "change", "rank a", "rank b"}, .rows = {}};
  for (size_t i = 0; i < std::min(kPrintedMoves, pair.moved_by_score.size()); ++i) {
    const HeadPoint& point = pair.points[pair.moved_by_score[i]];
    table.rows.push_back({to_string(point.head),
                          format_number(*point.score_a),
                          format_number(*point.score_b),
                          format_text("%+.4g", *point.score_b - *point.score_a),
                          format_number(point.rank_a),
                          format_number(point.rank_b)});
  }
  return table;
}

Table change_table(const HeadComparison& pair) {
  Table table{.columns = {"heads", "number", "mean a", "mean b", "change", "95 % from", "to"},
              .rows = {}};
  const auto add = [&](const char* heads, const MeanChange& change) {
    table.rows.push_back({heads,
                          std::to_string(change.heads),
                          format_number(change.a),
                          format_number(change.b),
                          format_number(change.b - change.a),
                          format_number(change.interval.low),
                          format_number(change.interval.high)});
  };
  add("masked", pair.change->masked);
  add("others", pair.change->others);
  table.rows.push_back({"masked less others",
                        "",
                        "",
                        "",
                        format_number(pair.change->difference),
                        format_number(pair.change->interval.low),
                        format_number(pair.change->interval.high)});
  return table;
}

void print_pair(const HeadComparison& pair, const HeadComparisons& all) {
  std::cout << names_of(pair, all) << "\n" << to_text(overlap_table(pair));
  if (pair.spearman) {
    std::cout << "Spearman's rank correlation over " << pair.points.size()
              << " heads: " << format_number(*pair.spearman) << "\n";
  }
  if (!pair.moved_by_score.empty()) std::cout << "moved most:\n" << to_text(moved_table(pair));
  if (pair.change) std::cout << "mean scores:\n" << to_text(change_table(pair));
  std::cout << "\n";
}

}  // namespace

void add_compare_flags(Command& command, CompareFlags& flags) {
  CLI::App& app = *command.app;
  const char* group = "Comparison (no model is run)";
  add_list_option(command,
                  "--compare",
                  flags.files,
                  "Compare the heads in these files and write compare.json: head_scores.json, "
                  "summary.json, mask.json, or the heads of LOCOS (JSON), QRHead, DySCO (YAML) or "
                  "DuoAttention (table of gates); --model is optional and gives the head counts")
      ->group(group);
  add_list_option(
      command,
      "--top",
      flags.top,
      "Sizes of the best heads whose overlap is counted: one, or one per file (default: "
      "whole lists; several sizes of scored files)")
      ->group(group);
  app.add_option("--mask",
                 flags.mask,
                 "mask.json: set the change of the masked heads' scores against that of the others")
      ->group(group);
  command.other_task = {.flag = "--compare", .required = {}};
}

bool is_comparison(const CompareFlags& flags, const Invocation& invocation) {
  const bool compares = !flags.files.empty();
  for (const std::string& name : invocation.on_command_line) {  // a config file is shared
    if (compares && !kForComparison.contains(name))
      user_error("--", name, " has no effect with --compare, which runs no model; omit it");
    if (!compares && kOnlyForComparison.contains(name))
      user_error("--", name, " belongs to --compare, which is not given");
  }
  return compares;
}

void run_comparison(const CompareFlags& flags,
                    const fs::path& model,
                    const Invocation& invocation) {
  const CompareOptions options = read_options(flags, model);
  std::vector<NamedHeadList> lists;
  for (const std::string& file : flags.files)
    lists.push_back({file, read_head_list(file, "file to compare")});
  const HeadComparisons comparisons = compare_heads(std::move(lists), options);

  const fs::path& out = invocation.common.out;
  const OutputLock lock = invocation.claim_out({model});
  RunRecord run = invocation.start_run({.ignored = {"top", "mask", "model", "dtype"},
                                        .inputs = {{"compare", "compare"}},
                                        .settled = {}});
  run.add_input("compare", hash_files({flags.files.begin(), flags.files.end()}));
  write_json_file(out / "compare.json", to_json(comparisons));
  write_run_report(out);
  run.finish();

  for (const HeadComparison& pair : comparisons.pairs) print_pair(pair, comparisons);
  std::cout << "comparison: " << (out / "compare.json").string() << std::endl;
}

}  // namespace retmask::cli
