#include "retmask/report/helmet_tables.h"

#include <algorithm>
#include <set>

#include "helmet_scores.h"
#include "retmask/base/error.h"
#include "retmask/base/format_text.h"

namespace retmask {
namespace {

std::string number_text(double score) { return format_text("%.2f", score); }

// A score, "missing", or nothing.
std::string cell_text(const HelmetScore& score) {
  if (!score.is_there) return "";
  return score.value ? number_text(*score.value) + (score.is_partial ? "*" : "") : "missing";
}

// The name of a run before the other cells, where there are several.
std::vector<std::string> row_of(const std::vector<HelmetRun>& runs,
                                const HelmetRun& run,
                                std::string first) {
  if (runs.size() == 1) return {std::move(first)};
  return {run.name, std::move(first)};
}

HelmetTable table_with(const std::vector<HelmetRun>& runs,
                       std::string name,
                       std::string title,
                       std::string first) {
  HelmetTable table{.name = std::move(name), .title = "HELMET, " + title + ", in %"};
  if (runs.size() > 1) table.table.columns.emplace_back("run");
  table.table.columns.push_back(std::move(first));
  table.first_score = table.table.columns.size();
  return table;
}

HelmetTable category_table(const std::vector<HelmetRun>& runs) {
  HelmetTable made = table_with(runs, "helmet_categories", "scores of the categories", "length");
  for (const std::string& category : helmet_columns()) made.table.columns.push_back(category);
  const std::vector<int64_t> lengths = helmet_lengths(runs);
  for (const int64_t length : lengths) {
    for (const HelmetRun& run : runs) {
      std::vector<std::string> row = row_of(runs, run, helmet_length_text(length));
      for (const std::string& category : helmet_columns())
        row.push_back(cell_text(helmet_score(run, category, length)));
      made.table.rows.push_back(std::move(row));
    }
  }
  for (const HelmetRun& run : runs) {
    if (lengths.size() < 2) break;
    std::vector<std::string> row = row_of(runs, run, "mean");
    for (const std::string& category : helmet_columns())
      row.push_back(cell_text(helmet_mean(run, category, lengths)));
    made.table.rows.push_back(std::move(row));
  }
  return made;
}

HelmetTable length_table(const std::vector<HelmetRun>& runs) {
  HelmetTable made = table_with(runs, "helmet_lengths", "scores by length", "category");
  const std::vector<int64_t> lengths = helmet_lengths(runs);
  for (const int64_t length : lengths) made.table.columns.push_back(helmet_length_text(length));
  if (lengths.size() > 1) made.table.columns.emplace_back("mean");
  for (const std::string& category : helmet_columns()) {
    for (const HelmetRun& run : runs) {
      std::vector<std::string> row = row_of(runs, run, category);
      for (const int64_t length : lengths)
        row.push_back(cell_text(helmet_score(run, category, length)));
      if (lengths.size() > 1) row.push_back(cell_text(helmet_mean(run, category, lengths)));
      made.table.rows.push_back(std::move(row));
    }
  }
  return made;
}

// The metrics of a task that count in the tables, with those that nobody has judged.
std::vector<std::string> metrics_of(const Json& task) {
  std::vector<std::string> names = {task.at("metric").get<std::string>()};
  for (const char* name : {"citation_rec", "citation_prec"}) {
    const Json& missing = task.at("missing");
    const bool is_missing = std::find(missing.begin(), missing.end(), name) != missing.end();
    if (task.at("metrics").contains(name) || is_missing) names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> task_key(const Json& task, const std::string& metric) {
  std::string name = task.at("task").get<std::string>();
  if (task.contains("variant")) name += " (" + task["variant"].get<std::string>() + ")";
  return {task.at("category").get<std::string>(),
          name,
          helmet_length_text(task.at("length").get<int64_t>()),
          metric,
          task.at("total").dump()};
}

std::string metric_cell(const HelmetRun& run, const std::vector<std::string>& key) {
  for (const Json& task : run.results.at("tasks")) {
    if (task_key(task, key[3]) != key) continue;
    const Json value = task.at("metrics").value(key[3], Json());
    return value.is_null() ? "missing" : number_text(value.get<double>());
  }
  return "";
}

HelmetTable dataset_table(const std::vector<HelmetRun>& runs) {
  HelmetTable made{.name = "helmet_datasets", .title = "HELMET, metrics of the data sets, in %"};
  made.table.columns = {"category", "data set", "length", "metric", "samples"};
  made.first_score = made.table.columns.size();
  for (const HelmetRun& run : runs)
    made.table.columns.push_back(runs.size() == 1 ? "score" : run.name);
  std::set<std::vector<std::string>> known;
  for (const HelmetRun& run : runs) {
    for (const Json& task : run.results.at("tasks")) {
      for (const std::string& metric : metrics_of(task)) {
        std::vector<std::string> row = task_key(task, metric);
        if (!known.insert(row).second) continue;
        const std::vector<std::string> key = row;
        for (const HelmetRun& one : runs) row.push_back(metric_cell(one, key));
        made.table.rows.push_back(std::move(row));
      }
    }
  }
  return made;
}

}  // namespace

std::vector<HelmetTable> helmet_tables(const std::vector<HelmetRun>& runs) {
  return {category_table(runs), length_table(runs), dataset_table(runs)};
}

std::string helmet_table_text(const HelmetTable& table, const std::string& kind) {
  if (kind == "txt") return table.title + "\n" + to_text(table.table);
  if (kind == "md") return table.title + "\n\n" + to_markdown(table.table);
  if (kind == "tex") {
    std::string title = table.title;
    title.replace(title.find('%'), 1, "percent");
    return "% " + title + "\n" + to_latex(table.table);
  }
  RETMASK_CHECK(kind == "csv", kind);
  Table named = table.table;
  for (size_t i = table.first_score; i < named.columns.size(); ++i) named.columns[i] += " (%)";
  return to_csv(named);
}

}  // namespace retmask
