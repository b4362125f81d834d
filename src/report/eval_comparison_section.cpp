#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "json_text.h"
#include "retmask/base/error.h"
#include "run_sections.h"

namespace retmask {
namespace {

struct ComparedTask {
  std::string suite;
  std::string task;
  std::string length;                    // empty if the task has none
  std::vector<double> scores;            // of each run; NaN: missing
  std::vector<double> differences;       // of each run after the first from the first
  std::vector<ValueInterval> intervals;  // of the differences
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

// The compared runs' folders, or the names given to them.
std::vector<std::string> compared_names(const Json& comparison, const std::string& where) {
  constexpr std::array<const char*, 4> kKeys = {"names", "runs", "folders", "compared"};
  for (const char* key : kKeys) {
    if (!comparison.contains(key)) continue;
    auto names = json_get<std::vector<std::string>>(comparison, key, where);
    if (names.size() < 2) user_error(where, ": \"", key, "\" lists fewer than two runs");
    return names;
  }
  user_error(where, ": \"names\", the list of the compared runs, is missing");
}

ComparedTask read_task(const Json& row, size_t runs, const std::string& where) {
  ComparedTask task{.suite = json_get<std::string>(row, "suite", where),
                    .task = json_get<std::string>(row, "task", where),
                    .length = text_of(row.value("length", Json())),
                    .scores = numbers(row, "scores", where),
                    .differences = numbers(row, "difference", where),
                    .intervals = {}};
  for (const Json& interval : json_get<std::vector<Json>>(row, "interval", where)) {
    task.intervals.push_back(interval_of({{"interval", interval}}, "interval", where));
  }
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
  Table table{.columns = {"suite", "task", "length"}, .rows = {}};
  for (const std::string& name : names) table.columns.push_back(name);
  for (size_t i = 1; i < names.size(); ++i) {
    table.columns.push_back(names[i] + " less " + names[0]);
    table.columns.emplace_back("interval");
  }
  for (const ComparedTask& task : tasks) {
    std::vector<std::string> row = {task.suite, task.task, task.length};
    for (const double score : task.scores)
      row.push_back(std::isnan(score) ? "missing" : format_number(score));
    for (size_t i = 0; i < task.differences.size(); ++i) {
      const int direction = direction_of(task.intervals[i]);
      const std::string sign = direction > 0 ? "▲ " : direction < 0 ? "▼ " : "";
      if (direction != 0) table.strong.insert({table.rows.size(), row.size()});
      row.push_back(std::isnan(task.differences[i]) ? ""
                                                    : sign + format_number(task.differences[i], 3));
      row.push_back(format_interval(task.intervals[i]));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Suites measure in different units, so each has its own axis.
HtmlFragment forest_plots(const std::vector<ComparedTask>& tasks,
                          const std::vector<std::string>& names) {
  std::vector<ForestPlot> plots;
  std::map<std::string, size_t> plot_of;
  for (const ComparedTask& task : tasks) {
    const auto [found, is_new] = plot_of.try_emplace(task.suite, plots.size());
    if (is_new) {
      plots.push_back({.title = task.suite + ": difference from " + names.front(),
                       .x_label = "difference of the scores, with its interval",
                       .series = {names.begin() + 1, names.end()},
                       .rows = {}});
    }
    plots[found->second].rows.push_back(
        {task.task + (task.length.empty() ? "" : ", " + task.length),
         task.differences,
         task.intervals});
  }
  HtmlFragment figures;
  for (const auto& [suite, index] : plot_of) {
    figures.figure({"differences-" + file_stem(suite), forest_plot_svg(plots[index])},
                   "Solid: the interval excludes 0.");
  }
  return figures;
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
    for (const Json& row : json_get<std::vector<Json>>(comparison, "rows", where)) {
      tasks.push_back(read_task(row, names.size(), where));
      clear += static_cast<size_t>(
          std::ranges::count_if(tasks.back().intervals,
                                [](const auto& interval) { return direction_of(interval) != 0; }));
    }
    if (runs.size() > 1) section.subheading(run.name);
    section.append(forest_plots(tasks, names));
    section.table(comparison_table(tasks, names));
    glance.rows.push_back({run.name,
                           run.command + " --compare",
                           std::to_string(tasks.size()) + " tasks; the intervals of " +
                               std::to_string(clear) + " differences exclude zero"});
  }
  return section;
}

}  // namespace retmask
