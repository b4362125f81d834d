#include "eval_compare.h"

#include <cmath>
#include <iostream>
#include <set>

#include "helmet_output.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/format_text.h"
#include "retmask/report/run_report.h"
#include "retmask/report/table.h"

namespace retmask::cli {
namespace {

constexpr int64_t kResamples = 2000;

std::string shown_score(double value, const char* format = "%.3f") {
  return std::isnan(value) ? "n/a" : format_text(format, value);
}

// Per other group: its score, the difference to the first, its interval and the sign test's p.
Table comparison_table(const eval::Comparison& comparison) {
  Table table{
      .columns =
          {"suite", "task", "length", "samples", "missing", "unit", comparison.groups[0].name},
      .rows = {}};
  for (size_t i = 1; i < comparison.groups.size(); ++i) {
    table.columns.insert(table.columns.end(),
                         {comparison.groups[i].name, "difference", "95 % from", "to", "sign test"});
  }
  const auto add = [&](const eval::ComparedTask& row) {
    std::vector<std::string> cells = {row.suite,
                                      row.task,
                                      row.length.is_null() ? "" : row.length.dump(),
                                      std::to_string(row.samples),
                                      std::to_string(row.missing),
                                      row.unit,
                                      shown_score(row.scores[0])};
    for (size_t i = 0; i < row.difference.size(); ++i) {
      cells.push_back(shown_score(row.scores[i + 1]));
      cells.push_back(shown_score(row.difference[i], "%+.3f"));
      cells.push_back(shown_score(row.interval[i].low, "%+.3f"));
      cells.push_back(shown_score(row.interval[i].high, "%+.3f"));
      cells.push_back(row.sign_test[i] ? format_text("%.2g", *row.sign_test[i]) : "");
    }
    table.rows.push_back(std::move(cells));
  };
  for (const eval::ComparedTask& row : comparison.rows) add(row);
  for (const eval::ComparedTask& row : comparison.overall) add(row);
  return table;
}

// The results of suite helmet in the compared folders, by the folder in each: [{"run" (if any),
// "runs": [{"name", "results"}, ...]}, ...].
Json helmet_results_of(const eval::Comparison& comparison) {
  std::set<std::string> folders;
  for (const eval::ComparedTask& row : comparison.rows) {
    if (row.suite == "helmet") folders.insert(row.run);
  }
  Json results = Json::array();
  for (const std::string& folder : folders) {
    Json runs = Json::array();
    for (const eval::RunGroup& group : comparison.groups) {
      for (const std::filesystem::path& dir : group.dirs) {
        const std::string name =
            group.dirs.size() == 1 ? group.name : group.name + " " + dir.filename().string();
        runs.push_back({{"name", name},
                        {"results", read_json_file(dir / folder / "results.json", "results")}});
      }
    }
    Json entry = Json::object();
    if (!folder.empty()) entry["run"] = folder;
    entry["runs"] = std::move(runs);
    results.push_back(std::move(entry));
  }
  return results;
}

void write_helmet_comparison(const std::filesystem::path& out, const Json& groups) {
  for (const Json& group : groups) {
    std::vector<HelmetRun> runs;
    for (const Json& run : group["runs"])
      runs.push_back({.name = run["name"].get<std::string>(), .results = run["results"]});
    write_helmet_tables(
        out, runs, group.contains("run") ? "-" + group["run"].get<std::string>() : "");
  }
}

}  // namespace

void compare_evaluations(const std::vector<std::string>& runs,
                         eval::NiahScore niah_score,
                         const Invocation& invocation) {
  std::vector<eval::RunGroup> groups;
  for (const std::string& text : runs)
    for (eval::RunGroup& group : eval::parse_run_groups(text)) groups.push_back(std::move(group));
  if (groups.size() < 2)
    user_error("--compare has one run or group of runs, expected at least two");
  const OutputLock lock = invocation.claim_out({});
  // A comparison is cheap and always made anew.
  RunRecord run =
      invocation.start_run({.ignored = {"compare", "seed"}, .inputs = {}, .settled = {}});
  const BootstrapOptions options{.resamples = kResamples, .seed = invocation.common.seed};
  const eval::Comparison comparison = eval::compare_runs(groups, niah_score, options);
  const std::filesystem::path& out = invocation.common.out;
  Json json = eval::comparison_json(comparison, options);
  const Json helmet = helmet_results_of(comparison);
  if (!helmet.empty()) json["helmet"] = helmet;
  write_json_file(out / "compare.json", json);
  const Table table = comparison_table(comparison);
  write_file_atomic(out / "compare.csv", to_csv(table));
  write_file_atomic(out / "compare.md", to_markdown(table));
  write_helmet_comparison(out, helmet);
  write_run_report(out);
  run.finish();
  std::cout << to_text(table) << std::flush;
}

}  // namespace retmask::cli
