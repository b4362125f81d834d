#include <algorithm>
#include <cmath>
#include <set>

#include "retmask/report/run_report.h"

namespace retmask {

void mark_from(ScoredHeads& heads, double threshold) {
  heads.marked.clear();
  for (const auto& [head, mean] : heads.means) {
    if (mean >= threshold) heads.marked.push_back(head);
  }
  heads.marked_label = "score of at least " + format_number(threshold);
}

Table top_heads(const ScoredHeads& heads, size_t count) {
  const std::vector<HeadMean> ranked = ranked_heads(heads.means);
  const std::set<Head> marked(heads.marked.begin(), heads.marked.end());
  const bool with_intervals = !heads.intervals.empty();
  Table table{.columns = {"rank", "head (layer-head)", "score"}, .rows = {}};
  if (with_intervals) table.columns.emplace_back("interval");
  table.columns.emplace_back("outlined");
  for (size_t i = 0; i < std::min(ranked.size(), count); ++i) {
    const auto& [head, mean] = ranked[i];
    auto& row = table.rows.emplace_back();
    row = {
        std::to_string(i + 1), to_string(head), std::isnan(mean) ? "no data" : format_number(mean)};
    if (with_intervals) {
      const auto found = heads.intervals.find(head);
      row.push_back(found == heads.intervals.end() ? "" : format_interval(found->second));
    }
    row.emplace_back(marked.contains(head) ? "yes" : "no");
  }
  return table;
}

}  // namespace retmask
