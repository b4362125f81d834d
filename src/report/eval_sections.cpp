#include <cmath>

#include "detection.h"
#include "json_text.h"
#include "run_sections.h"

namespace retmask {
namespace {

std::vector<GridSample> read_cells(const Json& results, const std::string& where) {
  std::vector<GridSample> samples;
  for (const Json& cell : json_get<std::vector<Json>>(results, "cells", where)) {
    samples.push_back({.length = json_get<int64_t>(cell, "length", where),
                       .depth = json_get<double>(cell, "depth_fraction", where),
                       .success = json_get<bool>(cell, "success", where)});
  }
  return samples;
}

// A list of objects as a table with a column for each key of the first; anything else is empty.
Table table_of(const Json& list) {
  Table table;
  if (!list.is_array() || list.empty() || !list.front().is_object()) return table;
  for (const auto& [key, value] : list.front().items()) table.columns.push_back(key);
  for (const Json& entry : list) {
    std::vector<std::string> row;
    for (const std::string& key : table.columns) row.push_back(text_of(entry.value(key, Json())));
    table.rows.push_back(std::move(row));
  }
  return table;
}

// The suite's main number, by the names that suites give to it.
std::string headline(const Json& results) {
  for (const char* key : {"acc", "accuracy", "score", "rate"}) {
    if (results.contains(key)) return std::string(key) + " " + text_of(results[key]);
  }
  const Json tasks = results.value("tasks", Json::array());
  return std::to_string(tasks.size()) + " tasks";
}

}  // namespace

HtmlFragment needle_section(const RunFolders& evals, Table& glance) {
  HtmlFragment section;
  section.heading("Needle test");
  section.paragraph(
      "The model is asked for a fact hidden in a long text. With the retrieval heads masked it "
      "should fail; with as many other heads masked it should still find the fact.");
  BarChart chart{.title = "Needles found",
                 .y_label = "right answers in %",
                 .groups = {},
                 .series = {"right answers"},
                 .values = {{}},
                 .y_max = 100};
  HtmlFragment grids;
  for (const RunFolder& run : evals) {
    const std::string where = run.where("results.json");
    const Json results = run.read("results.json");
    const auto success = json_get<int64_t>(results, "success", where);
    const auto total = json_get<int64_t>(results, "total", where);
    const double percent = 100 * json_get<double>(results, "rate", where);
    chart.groups.push_back(run.name);
    chart.values.front().push_back(percent);
    grids.figure({"success-" + file_stem(run.name),
                  success_grid_svg(success_grid(read_cells(results, where), run.name))});
    glance.rows.push_back({run.name,
                           run.command + " niah",
                           std::to_string(success) + " of " + std::to_string(total) + " right (" +
                               format_number(percent, 3) + " %)"});
  }
  section.figure({"needles_found", bar_chart_svg(chart)});
  section.details("By context length and needle depth", grids);
  return section;
}

HtmlFragment logprob_section(const RunFolders& evals, Table& glance) {
  HtmlFragment section;
  section.heading("Log-probability of texts");
  section.paragraph("How well a model predicts ordinary texts; lower perplexity is better.");
  Table table{.columns = {"run", "texts", "predicted tokens", "mean log-prob", "perplexity"},
              .rows = {}};
  for (const RunFolder& run : evals) {
    const std::string where = run.where("results.json");
    const Json results = run.read("results.json");
    const auto number = [&](const char* key) {  // null if nothing was predicted
      return format_number(json_get_or<double>(results, key, std::nan(""), where));
    };
    table.rows.push_back({run.name,
                          std::to_string(json_get<int64_t>(results, "rows", where)),
                          std::to_string(json_get<int64_t>(results, "tokens", where)),
                          number("mean"),
                          number("perplexity")});
    glance.rows.push_back(
        {run.name, run.command + " logprob", "perplexity " + number("perplexity")});
  }
  section.table(table);
  return section;
}

HtmlFragment benchmarks_section(const RunFolders& evals, Table& glance) {
  HtmlFragment section;
  section.heading("Benchmarks");
  for (const RunFolder& run : evals) {
    const Json results = run.read("results.json");
    section.subheading(run.name + ": " + suite_of(run));
    Table numbers{.columns = {"measure", "value"}, .rows = {}};
    for (const auto& [key, value] : results.items()) {
      if (!value.is_structured()) numbers.rows.push_back({key, text_of(value)});
    }
    section.table(numbers);
    for (const auto& [key, value] : results.items()) {
      const Table table = table_of(value);
      if (table.rows.empty()) continue;
      section.paragraph(key);
      section.table(table);
    }
    glance.rows.push_back({run.name, run.command + " " + suite_of(run), headline(results)});
  }
  return section;
}

}  // namespace retmask
