#include <cmath>

#include "retmask/base/error.h"
#include "retmask/report/detect_report.h"
#include "run_sections.h"

namespace retmask {
namespace {

std::vector<DetectReport::Sample> read_cells(const Json& results, const std::string& where) {
  std::vector<DetectReport::Sample> samples;
  for (const Json& cell : json_get<std::vector<Json>>(results, "cells", where)) {
    samples.push_back({.length = json_get<int64_t>(cell, "length", where),
                       .depth = json_get<double>(cell, "depth_fraction", where),
                       .success = json_get<bool>(cell, "success", where)});
  }
  return samples;
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
    grids.figure(success_grid_svg(success_grid(read_cells(results, where), run.name)));
    glance.rows.push_back({run.name,
                           run.command + " niah",
                           std::to_string(success) + " of " + std::to_string(total) + " right (" +
                               format_number(percent, 3) + " %)"});
  }
  section.figure(bar_chart_svg(chart));
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

}  // namespace retmask
