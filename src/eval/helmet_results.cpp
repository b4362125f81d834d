#include "retmask/eval/helmet_results.h"

#include <algorithm>
#include <map>
#include <optional>

#include "helmet_metrics.h"
#include "helmet_task.h"
#include "retmask/base/error.h"
#include "retmask/metrics/helmet_average.h"

namespace retmask::eval {
namespace {

constexpr const char* kProxy = "rougeL_f1";

struct MeanOf {
  double sum = 0.0;
  int64_t count = 0;

  void add(double value) {
    sum += value;
    ++count;
  }
  double mean() const { return sum / static_cast<double>(count); }
};

// A task at a length, counted.
struct TaskCounts {
  Json key = Json::object();  // task, category, length, variant
  int64_t total = 0;
  int64_t errors = 0;
  std::map<std::string, MeanOf> metrics = {};

  std::string dataset() const { return key.at("task").get<std::string>(); }
  // In percent; nullopt without rows that have it.
  std::optional<double> percent(const std::string& metric) const;
};

std::optional<double> TaskCounts::percent(const std::string& metric) const {
  const auto found = metrics.find(metric);
  if (found == metrics.end()) return {};
  return metrics::helmet_percent(metric, helmet::reported_mean(metric, found->second.mean()));
}

std::vector<TaskCounts> count_tasks(const std::vector<Json>& rows) {
  std::vector<TaskCounts> tasks;
  std::map<std::string, size_t> index_of;
  for (const Json& row : rows) {
    Json key = Json::object();
    for (const char* field : {"task", "category", "length", "variant"}) {
      if (row.contains(field)) key[field] = row[field];
    }
    const auto [place, is_new] = index_of.emplace(key.dump(), tasks.size());
    if (is_new) tasks.push_back({.key = key});
    TaskCounts& task = tasks[place->second];
    ++task.total;
    if (!row.contains("metrics")) {
      ++task.errors;
      continue;
    }
    for (const auto& [name, value] : row["metrics"].items()) {
      task.metrics[name].add(value.get<double>());
    }
  }
  return tasks;
}

// A metric of the table and where its value comes from.
struct Column {
  std::string name;    // "nq substring_exact_match"
  std::string metric;  // "substring_exact_match"
  std::string source;  // the same, or the proxy
};

std::vector<Column> columns_of(const std::string& dataset, bool rouge_proxy) {
  const auto known = metrics::helmet_metrics(dataset);
  if (!known) user_error("the answers have rows of \"", dataset, "\", which HELMET does not know");
  std::vector<Column> columns;
  for (const std::string& metric : known->metrics) {
    const bool is_judged = metric.starts_with("gpt-4");
    columns.push_back(
        {known->dataset + " " + metric, metric, is_judged && rouge_proxy ? kProxy : metric});
  }
  return columns;
}

Json task_json(const TaskCounts& task, bool rouge_proxy) {
  const std::vector<Column> columns = columns_of(task.dataset(), rouge_proxy);
  Json missing = Json::array();
  for (const Column& column : columns) {
    if (!task.percent(column.source)) missing.push_back(column.metric);
  }
  const auto score = task.percent(columns.front().source);
  Json values = Json::object();
  for (const auto& [name, mean] : task.metrics) values[name] = *task.percent(name);
  Json entry = task.key;
  entry["metric"] = columns.front().source;
  entry["score"] = score ? Json(*score) : Json();
  entry["total"] = task.total;
  entry["errors"] = task.errors;
  entry["metrics"] = std::move(values);
  entry["missing"] = std::move(missing);
  return entry;
}

// The columns of the table at a length.
struct LengthTable {
  int64_t length = 0;
  std::map<std::string, MeanOf> cells = {};
  std::map<std::string, std::vector<std::string>> missing = {};  // by category: of runs
};

std::vector<LengthTable> tables_of(const std::vector<TaskCounts>& tasks, bool rouge_proxy) {
  std::vector<LengthTable> tables;
  for (const TaskCounts& task : tasks) {
    const auto length = task.key.at("length").get<int64_t>();
    auto table = std::find_if(
        tables.begin(), tables.end(), [&](const LengthTable& one) { return one.length == length; });
    if (table == tables.end()) table = tables.insert(tables.end(), {.length = length});
    for (const Column& column : columns_of(task.dataset(), rouge_proxy)) {
      if (const auto value = task.percent(column.source)) {
        table->cells[column.name].add(*value);
      } else {
        table->missing[task.key.at("category")].push_back(column.name);
      }
    }
  }
  return tables;
}

// Appends the categories and the average of a length.
void add_averages(const LengthTable& table, Json& categories, Json& averages) {
  std::map<std::string, double, std::less<>> cells;
  for (const auto& [column, value] : table.cells) cells[column] = value.mean();
  double sum = 0.0;
  Json without = Json::array();
  const auto computed = metrics::helmet_averages(cells);
  for (const std::string& name : helmet::category_names()) {
    const auto found = std::find_if(
        computed.begin(), computed.end(), [&](const auto& one) { return one.name == name; });
    RETMASK_CHECK(found != computed.end(), name);
    const auto missing = table.missing.find(name);
    const bool is_complete = missing == table.missing.end();
    Json score;
    if (is_complete && found->value) {
      score = *found->value;
      sum += *found->value;
    } else {
      without.push_back(name);
    }
    if (!found->value && is_complete) continue;  // not run
    categories.push_back({{"category", name},
                          {"length", table.length},
                          {"score", std::move(score)},
                          {"columns", found->columns - found->missing},
                          {"of", found->columns},
                          {"missing", is_complete ? std::vector<std::string>() : missing->second}});
  }
  const bool has_all = without.empty();
  const auto count = static_cast<double>(helmet::category_names().size());
  averages.push_back({{"length", table.length},
                      {"score", has_all ? Json(sum / count) : Json()},
                      {"missing", std::move(without)}});
}

}  // namespace

Json helmet_results_json(const std::vector<Json>& rows, const HelmetResultOptions& options) {
  const std::vector<TaskCounts> counts = count_tasks(rows);
  Json tasks = Json::array();
  int64_t errors = 0;
  for (const TaskCounts& task : counts) {
    tasks.push_back(task_json(task, options.rouge_proxy));
    errors += task.errors;
  }
  Json categories = Json::array();
  Json averages = Json::array();
  for (const LengthTable& table : tables_of(counts, options.rouge_proxy)) {
    add_averages(table, categories, averages);
  }
  return {{"suite", "helmet"},
          {"proxy", options.rouge_proxy ? Json(kProxy) : Json()},
          {"tasks", std::move(tasks)},
          {"categories", std::move(categories)},
          {"average", std::move(averages)},
          {"left_out", options.left_out},
          {"errors", errors}};
}

}  // namespace retmask::eval
