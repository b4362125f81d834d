#include "detection.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "json_text.h"

namespace retmask {
namespace {

ScoredHeads read_heads(const RunFolder& run, const Json& summary) {
  const std::string file = "head_scores.json";
  const HeadScores scores = parse_head_scores(run.read(file), run.where(file));
  ScoredHeads heads{.means = scores.means()};
  if (scores.num_samples() == 0) {
    for (auto& [head, mean] : heads.means) mean = std::numeric_limits<double>::quiet_NaN();
    return heads;
  }
  const std::string where = run.where("summary.json");
  for (const Json& row : json_get<std::vector<Json>>(summary, "heads", where)) {
    const auto [layer, head] = json_get<std::pair<int64_t, int64_t>>(row, "head", where);
    const ValueInterval interval = interval_of(row, "interval", where);
    if (interval.is_known()) heads.intervals[{layer, head}] = interval;
    const ValueInterval ranks = interval_of(row, "rank_interval", where);
    if (ranks.is_known()) heads.rank_intervals[{layer, head}] = ranks;
  }
  return heads;
}

}  // namespace

SuccessGrid success_grid(const std::vector<GridSample>& samples, const std::string& title) {
  // depth -> length -> (correct, total)
  std::map<double, std::map<int64_t, std::pair<int64_t, int64_t>>> cells;
  std::set<int64_t> lengths;
  for (const GridSample& sample : samples) {
    auto& [right, all] = cells[sample.depth][sample.length];
    right += sample.success ? 1 : 0;
    ++all;
    lengths.insert(sample.length);
  }
  SuccessGrid grid{.title = title, .lengths = {}, .depths = {}, .successes = {}, .totals = {}};
  for (const int64_t length : lengths) grid.lengths.push_back(std::to_string(length));
  for (auto& [depth, row] : cells) {
    grid.depths.push_back(format_number(100 * depth, 3) + " %");
    auto& successes = grid.successes.emplace_back();
    auto& totals = grid.totals.emplace_back();
    for (const int64_t length : lengths) {
      successes.push_back(row[length].first);
      totals.push_back(row[length].second);
    }
  }
  return grid;
}

std::optional<GridSample> grid_sample(const Json& row, const std::string& where) {
  if (row.contains("right") && row["right"].is_null()) return std::nullopt;
  return GridSample{.length = json_get<int64_t>(row, "length", where),
                    .depth = json_get<double>(row, "depth_fraction", where),
                    .success = json_get<bool>(row, "right", where)};
}

std::string Detection::outcome() const {
  if (samples.empty()) return std::to_string(rows.size()) + " samples, without answers";
  const auto right = std::ranges::count_if(samples, &GridSample::success);
  return std::to_string(right) + " of " + std::to_string(samples.size()) + " answers right";
}

Detection read_detection(const RunFolder& run) {
  const std::string where = run.where("samples.jsonl");
  Detection detection{.name = run.name,
                      .heads = {},
                      .scorer = {},
                      .rows = run.read_lines("samples.jsonl"),
                      .samples = {},
                      .summary = run.read("summary.json")};
  detection.heads = read_heads(run, detection.summary);
  detection.scorer =
      json_get_or<std::string>(detection.summary, "scorer", "copy", run.where("summary.json"));
  for (const Json& row : detection.rows) {
    if (const auto sample = grid_sample(row, where)) detection.samples.push_back(*sample);
  }
  const Json options = json_get<Json>(run.record, "options", run.where("run.json"));
  detection.threshold = number_or_none(options, "threshold", run.where("run.json"));
  return detection;
}

}  // namespace retmask
