#include <algorithm>
#include <cmath>

#include "json_text.h"
#include "retmask/base/error.h"
#include "run_sections.h"

namespace retmask {
namespace {

struct ComparedTask {
  std::string suite;
  std::string task;
  std::string length;                    // empty if the task has none
  std::string samples;                   // "30", "28 of 30" if some lack a score in a run
  std::string unit;                      // of the scores: "0 to 1"
  std::vector<double> scores;            // of each run; NaN: missing
  std::vector<double> differences;       // of each run after the first from the first
  std::vector<ValueInterval> intervals;  // of the differences
  std::vector<double> sign_tests;        // p values; NaN: none
};

// Some rows lack a value: null is NaN.
std::vector<double> numbers(const Json& row, const std::string& key, const std::string& where) {
  std::vector<double> values;
  for (const Json& value : json_get<std::vector<Json>>(row, key, where)) {
    if (!value.is_null() && !value.is_number())
      user_error(where, ": \"", key, "\" holds ", value.dump(), ", expected numbers or null");
    values.push_back(value.is_null() ? std::nan("") : value.get<double>());
  }
  return values;
}

std::vector<std::string> compared_names(const Json& comparison, const std::string& where) {
  auto names = json_get<std::vector<std::string>>(comparison, "names", where);
  if (names.size() < 2) user_error(where, ": \"names\" lists fewer than two runs");
  return names;
}

std::string sample_count(const Json& row, const std::string& where) {
  if (!row.contains("samples")) return "";
  const auto compared = json_get<int64_t>(row, "samples", where);
  const auto missing = json_get_or<int64_t>(row, "missing", 0, where);
  if (missing == 0) return std::to_string(compared);
  return std::to_string(compared) + " of " + std::to_string(compared + missing);
}

ComparedTask read_task(const Json& row, size_t runs, const std::string& where) {
  ComparedTask task{.suite = json_get<std::string>(row, "suite", where),
                    .task = json_get<std::string>(row, "task", where),
                    .length = text_of(row.value("length", Json())),
                    .samples = sample_count(row, where),
                    .unit = json_get_or<std::string>(row, "unit", "", where),
                    .scores = numbers(row, "scores", where),
                    .differences = numbers(row, "difference", where),
                    .intervals = {},
                    .sign_tests = {}};
  for (const Json& interval : json_get<std::vector<Json>>(row, "interval", where)) {
    task.intervals.push_back(interval_of({{"interval", interval}}, "interval", where));
  }
  if (row.contains("sign_test")) task.sign_tests = numbers(row, "sign_test", where);
  task.sign_tests.resize(task.differences.size(), std::nan(""));
  if (task.scores.size() != runs || task.differences.size() + 1 != runs ||
      task.intervals.size() + 1 != runs) {
    user_error(where,
               ": the row of ",
               task.task,
               " has ",
               task.scores.size(),
               " scores, ",
               task.differences.size(),
               " differences and ",
               task.intervals.size(),
               " intervals; expected a score for each of ",
               runs,
               " runs and the others for all but the first");
  }
  return task;
}

// Whether the interval excludes zero, and on which side.
int direction_of(const ValueInterval& interval) {
  if (!interval.is_known()) return 0;
  return interval.low > 0 ? 1 : interval.high < 0 ? -1 : 0;
}

Table comparison_table(const std::vector<ComparedTask>& tasks,
                       const std::vector<std::string>& names) {
  const bool with_tests = std::ranges::any_of(tasks, [](const ComparedTask& task) {
    return std::ranges::any_of(task.sign_tests, [](double p) { return !std::isnan(p); });
  });
  const bool with_units =
      std::ranges::any_of(tasks, [](const ComparedTask& task) { return !task.unit.empty(); });
  Table table{.columns = {"suite", "task", "length", "samples"}, .rows = {}};
  if (with_units) table.columns.emplace_back("unit");
  for (const std::string& name : names) table.columns.push_back(name);
  for (size_t i = 1; i < names.size(); ++i) {
    table.columns.push_back(names[i] + " less " + names[0]);
    table.columns.emplace_back("interval");
    if (with_tests) table.columns.emplace_back("sign test, p");
  }
  for (const ComparedTask& task : tasks) {
    std::vector<std::string> row = {task.suite, task.task, task.length, task.samples};
    if (with_units) row.push_back(task.unit);
    for (const double score : task.scores)
      row.push_back(std::isnan(score) ? "missing" : format_number(score));
    for (size_t i = 0; i < task.differences.size(); ++i) {
      const int direction = direction_of(task.intervals[i]);
      const std::string sign = direction > 0 ? "▲ " : direction < 0 ? "▼ " : "";
      if (direction != 0) table.strong.insert({table.rows.size(), row.size()});
      const double difference = task.differences[i];
      row.push_back(std::isnan(difference) ? "" : sign + format_number(difference, 3));
      row.push_back(format_interval(task.intervals[i]));
      if (with_tests) row.push_back(format_number(task.sign_tests[i], 2));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Suites measure in different units, so each has its own axis.
HtmlFragment forest_plots(const std::vector<ComparedTask>& tasks,
                          const std::vector<std::string>& names) {
  std::vector<ForestPlot> plots;
  std::vector<std::string> suites;
  for (const ComparedTask& task : tasks) {
    const auto found = static_cast<size_t>(std::ranges::find(suites, task.suite) - suites.begin());
    if (found == suites.size()) {
      suites.push_back(task.suite);
      plots.push_back({.title = task.suite + ": difference from " + names.front(),
                       .x_label = "difference of the scores, with its interval",
                       .series = {names.begin() + 1, names.end()},
                       .rows = {}});
    }
    plots[found].rows.push_back({task.task + (task.length.empty() ? "" : ", " + task.length),
                                 task.differences,
                                 task.intervals});
  }
  HtmlFragment figures;
  for (size_t i = 0; i < plots.size(); ++i) {
    figures.figure({"differences-" + file_stem(suites[i]), forest_plot_svg(plots[i])},
                   "Solid: the interval excludes 0.");
  }
  return figures;
}

// Suite helmet's figure and tables of the compared runs.
HtmlFragment helmet_of(const Json& comparison, const std::string& where) {
  HtmlFragment section;
  for (const Json& group : json_get_or<std::vector<Json>>(comparison, "helmet", {}, where)) {
    const auto folder = json_get_or<std::string>(group, "run", "", where);
    std::vector<HelmetRun> runs;
    for (const Json& run : json_get<std::vector<Json>>(group, "runs", where)) {
      runs.push_back({.name = json_get<std::string>(run, "name", where),
                      .results = json_get<Json>(run, "results", where)});
    }
    section.subheading(folder.empty() ? "HELMET" : "HELMET: " + folder);
    section.append(helmet_results(runs, folder.empty() ? "" : "-" + file_stem(folder)));
  }
  return section;
}

// "retrieval: mean of 3 runs; ..."; empty if every name is one run.
std::string groups_note(const Json& comparison,
                        const std::vector<std::string>& names,
                        const std::string& where) {
  const auto runs = json_get_or<std::vector<Json>>(comparison, "runs", {}, where);
  std::string note;
  for (size_t i = 0; i < std::min(runs.size(), names.size()); ++i) {
    if (runs[i].size() < 2) continue;
    note += (note.empty() ? "" : "; ") + names[i] + ": mean of " + std::to_string(runs[i].size()) +
            " runs";
  }
  return note;
}

}  // namespace

HtmlFragment eval_comparison_section(const RunFolders& runs, Table& glance) {
  HtmlFragment section;
  section.heading("Evaluations compared");
  section.paragraph(
      "Scores of each task, and their differences from the first run with bootstrap intervals over "
      "the same samples. ▲ and ▼ mark differences whose interval excludes zero.");
  for (const RunFolder& run : runs) {
    const std::string where = run.where("compare.json");
    const Json comparison = run.read("compare.json");
    const auto names = compared_names(comparison, where);
    std::vector<ComparedTask> tasks;
    size_t clear = 0;
    // "overall": a row for each suite of several tasks.
    auto rows = json_get<std::vector<Json>>(comparison, "rows", where);
    for (Json& row : json_get_or<std::vector<Json>>(comparison, "overall", {}, where))
      rows.push_back(std::move(row));
    for (const Json& row : rows) {
      tasks.push_back(read_task(row, names.size(), where));
      clear += static_cast<size_t>(
          std::ranges::count_if(tasks.back().intervals,
                                [](const auto& interval) { return direction_of(interval) != 0; }));
    }
    if (runs.size() > 1) section.subheading(run.name);
    section.append(forest_plots(tasks, names));
    const std::string note = groups_note(comparison, names, where);
    if (!note.empty())
      section.paragraph(note +
                        ". Intervals are over questions and runs, which differ in their seed.");
    section.table(comparison_table(tasks, names));
    section.append(helmet_of(comparison, where));
    glance.rows.push_back({run.name,
                           run.command + " --compare",
                           std::to_string(tasks.size()) + " rows; the intervals of " +
                               std::to_string(clear) + " differences exclude zero"});
  }
  return section;
}

}  // namespace retmask
