#include <algorithm>
#include <cmath>
#include <set>

#include "json_text.h"
#include "retmask/base/error.h"
#include "run_sections.h"

namespace retmask {
namespace {

struct Overlap {
  int64_t k_a = 0;
  int64_t k_b = 0;
  int64_t common = 0;
  double by_chance = 0;
};

struct HeadPair {
  std::string a;
  std::string b;
  double spearman = 0;  // NaN: unknown
  std::vector<Overlap> overlap;
  std::vector<ScatterPoint> points;  // (score in a, score in b)
};

HeadPair read_pair(const Json& row, const std::string& where) {
  HeadPair pair{.a = json_get<std::string>(row, "a", where),
                .b = json_get<std::string>(row, "b", where),
                .spearman = number_or_none(row, "spearman", where),
                .overlap = {},
                .points = {}};
  for (const Json& entry : json_get<std::vector<Json>>(row, "overlap", where)) {
    pair.overlap.push_back({.k_a = json_get<int64_t>(entry, "k_a", where),
                            .k_b = json_get<int64_t>(entry, "k_b", where),
                            .common = json_get<int64_t>(entry, "common", where),
                            .by_chance = number_or_none(entry, "by_chance", where)});
  }
  using Point = std::tuple<std::string, double, double>;
  for (const auto& [name, x, y] : json_get_or<std::vector<Point>>(row, "points", {}, where))
    pair.points.push_back({name, x, y});
  return pair;
}

// The names of the `count` points with the largest `value`; ties in the order of the points.
std::set<std::string> first_heads(std::vector<ScatterPoint> points,
                                  double ScatterPoint::*value,
                                  int64_t count) {
  std::ranges::stable_sort(points, std::ranges::greater{}, value);
  std::set<std::string> names;
  for (size_t i = 0; i < std::min(points.size(), static_cast<size_t>(count)); ++i)
    names.insert(points[i].name);
  return names;
}

// Heads by their membership in the first sets whose overlap was counted.
ScatterChart scatter_of(const HeadPair& pair) {
  ScatterChart chart{
      .title = "Scores of each head", .x_label = pair.a, .y_label = pair.b, .groups = {}};
  if (pair.overlap.empty()) {
    chart.groups = {{"heads", pair.points}};
    return chart;
  }
  const Overlap& sizes = pair.overlap.front();
  const auto in_a = first_heads(pair.points, &ScatterPoint::x, sizes.k_a);
  const auto in_b = first_heads(pair.points, &ScatterPoint::y, sizes.k_b);
  const std::string top_a = "first " + std::to_string(sizes.k_a);
  const std::string top_b = "first " + std::to_string(sizes.k_b);
  chart.groups = {{"others", {}},
                  {"among the first of both", {}},
                  {top_a + " of the horizontal axis only", {}},
                  {top_b + " of the vertical axis only", {}}};
  for (const ScatterPoint& point : pair.points) {
    const bool a = in_a.contains(point.name);
    const bool b = in_b.contains(point.name);
    chart.groups[a && b ? 1 : a ? 2 : b ? 3 : 0].points.push_back(point);
  }
  return chart;
}

Table overlap_table(const std::vector<HeadPair>& pairs) {
  Table table{.columns = {"A",
                          "B",
                          "rank correlation (Spearman)",
                          "heads of A",
                          "heads of B",
                          "common",
                          "expected by chance"},
              .rows = {}};
  for (const HeadPair& pair : pairs) {
    std::vector<Overlap> overlaps = pair.overlap;
    if (overlaps.empty()) {
      table.rows.push_back({pair.a, pair.b, format_number(pair.spearman, 3), "", "", "", ""});
    }
    for (const Overlap& overlap : overlaps) {
      table.rows.push_back({pair.a,
                            pair.b,
                            format_number(pair.spearman, 3),
                            std::to_string(overlap.k_a),
                            std::to_string(overlap.k_b),
                            std::to_string(overlap.common),
                            format_number(overlap.by_chance, 3)});
    }
  }
  return table;
}

}  // namespace

HtmlFragment head_comparison_section(const RunFolders& runs, Table& glance) {
  HtmlFragment section;
  section.heading("Head scores compared");
  section.paragraph(
      "Do two ways to score heads, or two models, agree? The first heads of A and of B, how many "
      "are common, and how many would be if both sets were drawn at random.");
  for (const RunFolder& run : runs) {
    const std::string where = run.where("compare.json");
    const Json comparison = run.read("compare.json");
    std::vector<HeadPair> pairs;
    for (const Json& row : json_get<std::vector<Json>>(comparison, "pairs", where))
      pairs.push_back(read_pair(row, where));
    if (runs.size() > 1) section.subheading(run.name);
    section.table(overlap_table(pairs));
    for (const HeadPair& pair : pairs) {
      if (!pair.points.empty())
        section.figure({"comparison", scatter_chart_svg(scatter_of(pair))},
                       "Dotted: the same score in both.");
    }
    glance.rows.push_back(
        {run.name, run.command + " --compare", std::to_string(pairs.size()) + " pairs of scores"});
  }
  return section;
}

}  // namespace retmask
