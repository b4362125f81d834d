#include <algorithm>
#include <cmath>
#include <filesystem>

#include "json_text.h"
#include "run_sections.h"

namespace retmask {
namespace {

constexpr size_t kShownMoves = 10;

struct Overlap {
  int64_t k_a = 0;
  int64_t k_b = 0;
  int64_t common = 0;
  double by_chance = 0;  // NaN: unknown, like the others
  double p_value = 0;
};

// A head in both lists; NaN: no score.
struct ComparedHead {
  std::string name;
  double a = 0;
  double b = 0;
  double rank_a = 0;
  double rank_b = 0;
};

struct HeadPair {
  std::string a;
  std::string b;
  double spearman = 0;
  std::vector<Overlap> overlap;
  std::vector<ComparedHead> heads;
  std::vector<ComparedHead> moved;  // first the one whose score changed most
  Json mask;  // {"masked", "others": {"heads", "a", "b", "change", "interval"}, ...} or null
};

std::vector<ComparedHead> read_compared(const Json& rows, const std::string& where) {
  std::vector<ComparedHead> heads;
  for (const Json& row : rows) {
    const auto [layer, head] = json_get<std::pair<int64_t, int64_t>>(row, "head", where);
    heads.push_back({.name = to_string(Head{layer, head}),
                     .a = number_or_none(row, "a", where),
                     .b = number_or_none(row, "b", where),
                     .rank_a = json_get<double>(row, "rank_a", where),
                     .rank_b = json_get<double>(row, "rank_b", where)});
  }
  return heads;
}

HeadPair read_pair(const Json& row, const std::string& where) {
  HeadPair pair{
      .a = json_get<std::string>(row, "a", where),
      .b = json_get<std::string>(row, "b", where),
      .spearman = number_or_none(row, "spearman", where),
      .overlap = {},
      .heads = read_compared(json_get_or<Json>(row, "points", Json::array(), where), where),
      .moved = {},
      .mask = json_get_or<Json>(row, "mask", Json(), where)};
  for (const Json& entry : json_get<std::vector<Json>>(row, "overlap", where)) {
    pair.overlap.push_back({.k_a = json_get<int64_t>(entry, "k_a", where),
                            .k_b = json_get<int64_t>(entry, "k_b", where),
                            .common = json_get<int64_t>(entry, "common", where),
                            .by_chance = number_or_none(entry, "by_chance", where),
                            .p_value = number_or_none(entry, "p_value", where)});
  }
  const Json moved = json_get_or<Json>(row, "moved", Json(), where);
  if (!moved.is_null()) pair.moved = read_compared(json_get<Json>(moved, "by_score", where), where);
  return pair;
}

// Heads by their membership in the first sets whose overlap was counted.
ScatterChart scatter_of(const HeadPair& pair) {
  const Overlap sizes = pair.overlap.empty() ? Overlap{} : pair.overlap.front();
  ScatterChart chart{
      .title = "Scores of each head",
      .x_label = shortened(pair.a),
      .y_label = shortened(pair.b),
      .groups = {{"others", {}},
                 {"among the first of both", {}},
                 {"first " + std::to_string(sizes.k_a) + " of the horizontal axis only", {}},
                 {"first " + std::to_string(sizes.k_b) + " of the vertical axis only", {}}}};
  for (const ComparedHead& head : pair.heads) {
    if (std::isnan(head.a) || std::isnan(head.b)) continue;
    const bool in_a = head.rank_a <= static_cast<double>(sizes.k_a);
    const bool in_b = head.rank_b <= static_cast<double>(sizes.k_b);
    chart.groups[in_a && in_b ? 1
                 : in_a       ? 2
                 : in_b       ? 3
                              : 0]
        .points.push_back({head.name, head.a, head.b});
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
                          "expected by chance",
                          "p of at least as many"},
              .rows = {}};
  for (const HeadPair& pair : pairs) {
    const std::vector<std::string> names = {
        shortened(pair.a, 36), shortened(pair.b, 36), format_number(pair.spearman, 3)};
    if (pair.overlap.empty()) {
      table.rows.push_back(names);
      table.rows.back().resize(table.columns.size());
    }
    for (const Overlap& overlap : pair.overlap) {
      auto& row = table.rows.emplace_back(names);
      row.push_back(std::to_string(overlap.k_a));
      row.push_back(std::to_string(overlap.k_b));
      row.push_back(std::to_string(overlap.common));
      row.push_back(format_number(overlap.by_chance, 3));
      row.push_back(format_number(overlap.p_value, 2));
    }
  }
  return table;
}

Table moved_table(const HeadPair& pair) {
  Table table{.columns = {"head", "score in A", "score in B", "change", "rank in A", "rank in B"},
              .rows = {}};
  for (size_t i = 0; i < std::min(pair.moved.size(), kShownMoves); ++i) {
    const ComparedHead& head = pair.moved[i];
    table.rows.push_back({head.name,
                          format_number(head.a),
                          format_number(head.b),
                          format_number(head.b - head.a),
                          format_number(head.rank_a),
                          format_number(head.rank_b)});
  }
  return table;
}

Table mask_table(const Json& mask, const std::string& where) {
  Table table{.columns = {"heads", "number", "mean in A", "mean in B", "change", "interval"},
              .rows = {}};
  for (const char* group : {"masked", "others"}) {
    const Json row = json_get<Json>(mask, group, where);
    table.rows.push_back({group,
                          std::to_string(json_get<int64_t>(row, "heads", where)),
                          format_number(number_or_none(row, "a", where)),
                          format_number(number_or_none(row, "b", where)),
                          format_number(number_or_none(row, "change", where)),
                          format_interval(interval_of(row, "interval", where))});
  }
  table.rows.push_back({"masked less others",
                        "",
                        "",
                        "",
                        format_number(number_or_none(mask, "difference", where)),
                        format_interval(interval_of(mask, "interval", where))});
  return table;
}

// A detect run's folder for its files, which have the same name in every run.
std::string run_name(const std::string& file) {
  const std::filesystem::path path = file;
  const bool is_of_run = path.filename() == "head_scores.json" || path.filename() == "summary.json";
  return shortened(is_of_run ? path.parent_path().filename().string() : file, 30);
}

// The change of the masked heads and of the others in each pair (Ma & Okazaki, Figure 5).
HtmlFragment mask_figure(const std::vector<HeadPair>& pairs, const std::string& where) {
  ForestPlot plot{.title = "Change of the mean score",
                  .x_label = "mean score in B less that in A, with its interval over heads",
                  .series = {"masked heads", "others"},
                  .rows = {}};
  for (const HeadPair& pair : pairs) {
    if (pair.mask.is_null()) continue;
    ForestRow row{
        .label = run_name(pair.a) + " → " + run_name(pair.b), .differences = {}, .intervals = {}};
    for (const char* group : {"masked", "others"}) {
      const Json change = json_get<Json>(pair.mask, group, where);
      row.differences.push_back(number_or_none(change, "change", where));
      row.intervals.push_back(interval_of(change, "interval", where));
    }
    plot.rows.push_back(std::move(row));
  }
  HtmlFragment figure;
  if (plot.rows.empty()) return figure;
  figure.figure({"change_of_masked_heads", forest_plot_svg(plot)},
                "Do the heads that were masked in the rejected answers gain from training on them? "
                "Solid: the interval excludes 0.");
  return figure;
}

HtmlFragment pair_section(const HeadPair& pair, const std::string& where) {
  HtmlFragment section;
  const ScatterChart scatter = scatter_of(pair);
  const bool has_scores = std::ranges::any_of(
      scatter.groups, [](const ScatterGroup& group) { return !group.points.empty(); });
  if (!has_scores && pair.mask.is_null()) return section;
  section.subheading("A: " + pair.a + ", B: " + pair.b);
  if (has_scores) {
    section.figure({"comparison", scatter_chart_svg(scatter)}, "Dotted: the same score in both.");
  }
  if (!pair.mask.is_null()) {
    section.paragraph("Mean scores of the masked heads and of the others:");
    section.table(mask_table(pair.mask, where));
  }
  if (!pair.moved.empty()) {
    section.paragraph("Heads whose score changed most:");
    section.table(moved_table(pair));
  }
  return section;
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
    section.append(mask_figure(pairs, where));
    section.table(overlap_table(pairs));
    for (const HeadPair& pair : pairs) section.append(pair_section(pair, where));
    glance.rows.push_back(
        {run.name, run.command + " --compare", std::to_string(pairs.size()) + " pairs of scores"});
  }
  return section;
}

}  // namespace retmask
