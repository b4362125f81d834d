#include "helmet_output.h"

#include <algorithm>
#include <iostream>

#include "retmask/base/file.h"
#include "retmask/eval/helmet_tables.h"
#include "retmask/report/svg.h"
#include "retmask/report/table.h"

namespace retmask::cli {
namespace {

void write_table(const std::filesystem::path& out, const std::string& name, const Table& table) {
  write_file_atomic(out / (name + ".txt"), to_text(table));
  write_file_atomic(out / (name + ".csv"), to_csv(table));
  write_file_atomic(out / (name + ".md"), to_markdown(table));
  write_file_atomic(out / (name + ".tex"), to_latex(table));
}

// Each category, and their mean, by length.
LineChart chart_of(const Json& results) {
  LineChart chart{.title = "HELMET by length",
                  .x_label = "length in tokens",
                  .y_label = "score in %",
                  .series = {},
                  .log_x = true};
  const auto add = [&](const std::string& name, const Json& entry) {
    if (entry["score"].is_null()) return;
    auto series = std::find_if(chart.series.begin(), chart.series.end(), [&](const Series& one) {
      return one.name == name;
    });
    if (series == chart.series.end()) {
      series = chart.series.insert(chart.series.end(), {.name = name, .points = {}});
    }
    series->points.emplace_back(entry["length"].get<double>(), entry["score"].get<double>());
  };
  for (const Json& entry : results["categories"]) add(entry["category"], entry);
  for (const Json& entry : results["average"]) add("Average", entry);
  for (Series& series : chart.series) std::sort(series.points.begin(), series.points.end());
  return chart;
}

}  // namespace

void write_helmet_output(const std::filesystem::path& out,
                         const std::vector<Json>& rows,
                         const Json& results,
                         const eval::HelmetFileOptions& files) {
  eval::write_helmet_files(out / "helmet", rows, files);
  for (const eval::HelmetTable& one : eval::helmet_tables(results)) {
    const Table table{.columns = one.columns, .rows = one.rows};
    write_table(out, one.name, table);
    if (one.name == "helmet_categories") std::cout << to_text(table) << std::endl;
  }
  if (results["average"].size() > 1) {
    write_file_atomic(out / "helmet_lengths.svg", svg_file(line_chart_svg(chart_of(results))));
  }
}

}  // namespace retmask::cli
