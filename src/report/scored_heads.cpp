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
  Table table{.columns = {"rank", "head (layer-head)", "score"}, .rows = {}};
  std::vector<const std::map<Head, ValueInterval>*> intervals;
  for (const auto& [name, known] : {std::pair("interval", &heads.intervals),
                                    std::pair("rank interval", &heads.rank_intervals)}) {
    if (known->empty()) continue;
    table.columns.emplace_back(name);
    intervals.push_back(known);
  }
  table.columns.emplace_back("outlined");
  for (size_t i = 0; i < std::min(ranked.size(), count); ++i) {
    const auto& [head, mean] = ranked[i];
    const std::string score = std::isnan(mean) ? "no data" : format_number(mean);
    auto& row = table.rows.emplace_back();
    row = {std::to_string(i + 1), to_string(head), score};
    for (const auto* known : intervals) {
      const auto found = known->find(head);
      row.push_back(found == known->end() ? "" : format_interval(found->second));
    }
    row.emplace_back(marked.contains(head) ? "yes" : "no");
  }
  return table;
}

}  // namespace retmask
