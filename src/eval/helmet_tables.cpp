#include "retmask/eval/helmet_tables.h"

#include <algorithm>

#include "helmet_task.h"
#include "retmask/base/format_text.h"

namespace retmask::eval {
namespace {

std::string cell_text(const Json& score) {
  return score.is_null() ? "missing" : format_text("%.2f", score.get<double>());
}

std::string length_text(int64_t length) {
  return length % 1024 == 0 ? std::to_string(length / 1024) + "K" : std::to_string(length);
}

// The first entry of `list` with these values; null if there is none.
const Json* find_entry(const Json& list, const Json& values) {
  for (const Json& entry : list) {
    bool matches = true;
    for (const auto& [key, value] : values.items()) matches = matches && entry.at(key) == value;
    if (matches) return &entry;
  }
  return nullptr;
}

std::string category_cell(const Json& results, const std::string& category, int64_t length) {
  const Json* entry =
      find_entry(results.at("categories"), {{"category", category}, {"length", length}});
  if (entry == nullptr) return "";
  const bool is_partial = entry->at("columns") != entry->at("of") && !entry->at("score").is_null();
  return cell_text(entry->at("score")) + (is_partial ? "*" : "");
}

std::string average_cell(const Json& results, int64_t length) {
  const Json* entry = find_entry(results.at("average"), {{"length", length}});
  return entry == nullptr ? "" : cell_text(entry->at("score"));
}

std::vector<int64_t> lengths_of(const Json& results) {
  std::vector<int64_t> lengths;
  for (const Json& entry : results.at("average")) lengths.push_back(entry.at("length"));
  return lengths;
}

HelmetTable category_table(const Json& results) {
  HelmetTable table{.name = "helmet_categories", .title = "Categories", .columns = {"length"}};
  for (const std::string& name : helmet::category_names()) table.columns.push_back(name);
  table.columns.push_back("Average");
  for (const int64_t length : lengths_of(results)) {
    std::vector<std::string> row = {length_text(length)};
    for (const std::string& name : helmet::category_names()) {
      row.push_back(category_cell(results, name, length));
    }
    row.push_back(average_cell(results, length));
    table.rows.push_back(std::move(row));
  }
  return table;
}

HelmetTable length_table(const Json& results) {
  HelmetTable table{.name = "helmet_lengths", .title = "Scores by length", .columns = {"category"}};
  const std::vector<int64_t> lengths = lengths_of(results);
  for (const int64_t length : lengths) table.columns.push_back(length_text(length));
  for (const std::string& name : helmet::category_names()) {
    std::vector<std::string> row = {name};
    for (const int64_t length : lengths) row.push_back(category_cell(results, name, length));
    table.rows.push_back(std::move(row));
  }
  std::vector<std::string> average = {"Average"};
  for (const int64_t length : lengths) average.push_back(average_cell(results, length));
  table.rows.push_back(std::move(average));
  return table;
}

HelmetTable dataset_table(const Json& results) {
  HelmetTable table{.name = "helmet_datasets",
                    .title = "Data sets",
                    .columns = {"category", "data set", "length", "metric", "score", "samples"}};
  for (const Json& task : results.at("tasks")) {
    std::string name = task.at("task").get<std::string>();
    if (task.contains("variant")) name += " (" + task["variant"].get<std::string>() + ")";
    table.rows.push_back({task.at("category").get<std::string>(),
                          name,
                          length_text(task.at("length")),
                          task.at("metric").get<std::string>(),
                          cell_text(task.at("score")),
                          task.at("total").dump()});
  }
  return table;
}

}  // namespace

std::vector<HelmetTable> helmet_tables(const Json& results) {
  return {category_table(results), length_table(results), dataset_table(results)};
}

}  // namespace retmask::eval
