#include <limits>
#include <numeric>

#include "retmask/report/text.h"
#include "run_sections.h"

namespace retmask {
namespace {

// NaN of nothing: a mask of given heads has no scores.
double mean_of(const std::vector<double>& values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::vector<Head> masked_heads(const RunFolder& mask) {
  std::vector<Head> heads;
  for (const auto& [layer, head] : json_get<std::vector<std::pair<int64_t, int64_t>>>(
           mask.read("mask.json"), "heads", mask.where("mask.json")))
    heads.push_back({layer, head});
  return heads;
}

HtmlFragment masks_section(const RunFolders& masks, Table& glance) {
  HtmlFragment section;
  section.heading("Masks");
  section.paragraph(
      "Heads whose columns of W_o are set to zero. A mask of other heads serves as the control.");
  Table table{.columns = {"run", "heads off", "selected", "mean score", "heads (layer-head)"},
              .rows = {}};
  for (const RunFolder& run : masks) {
    const std::string where = run.where("mask.json");
    const Json spec = run.read("mask.json");
    const std::vector<Head> heads = masked_heads(run);
    const auto select = json_get<std::string>(spec, "select", where);
    const double score = mean_of(json_get_or<std::vector<double>>(spec, "mean_scores", {}, where));
    std::string list;
    for (const Head& head : heads) list += (list.empty() ? "" : ", ") + to_string(head);
    table.rows.push_back(
        {run.name, std::to_string(heads.size()), select, format_number(score, 3), list});
    glance.rows.push_back(
        {run.name, run.command, std::to_string(heads.size()) + " heads off (" + select + ")"});
  }
  section.table(table);
  return section;
}

}  // namespace retmask
