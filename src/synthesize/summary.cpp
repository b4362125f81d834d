#include "retmask/synthesize/summary.h"

#include <algorithm>
#include <numeric>

namespace retmask::synthesize {
namespace {

double percentile(const std::vector<int64_t>& sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(static_cast<double>(sorted[below]),
                   static_cast<double>(sorted[above]),
                   position - static_cast<double>(below));
}

constexpr int64_t kMostBins = 10;

// The smallest of 1, 2, 5, 10, 20, 50, ... for which `longest` falls into the last bin or an
// earlier one.
int64_t nice_width(int64_t longest) {
  for (int64_t power = 1;; power *= 10) {
    for (const int64_t factor : {1, 2, 5}) {
      if (longest / (factor * power) < kMostBins) return factor * power;
    }
  }
}

}  // namespace

LengthStats length_stats(std::vector<int64_t> tokens) {
  if (tokens.empty()) return {};
  std::ranges::sort(tokens);
  LengthStats stats;
  stats.answers = static_cast<int64_t>(tokens.size());
  stats.total = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
  stats.mean = static_cast<double>(stats.total) / static_cast<double>(stats.answers);
  stats.median = percentile(tokens, 0.5);
  stats.p90 = percentile(tokens, 0.9);
  stats.max = tokens.back();
  return stats;
}

LengthHistogram length_histogram(const std::map<Policy, std::vector<int64_t>>& tokens) {
  int64_t longest = 0;
  for (const auto& [policy, lengths] : tokens) {
    for (const int64_t length : lengths) longest = std::max(longest, length);
  }
  LengthHistogram histogram;
  histogram.width = nice_width(longest);
  const int64_t bins = longest / histogram.width + 1;
  for (const auto& [policy, lengths] : tokens) {
    std::vector<int64_t>& counts = histogram.counts[policy];
    counts.resize(static_cast<size_t>(bins), 0);
    for (const int64_t length : lengths) ++counts[static_cast<size_t>(length / histogram.width)];
  }
  return histogram;
}

void Summary::add_answer(Policy policy, const Answer& answer) {
  if (answer.ending == Ending::prompt_too_long) return;
  PolicyTotals& totals = policies_.at(policy);
  totals.tokens.push_back(answer.tokens);
  totals.finished += answer.ending == Ending::stop && !answer.unended_thinking ? 1 : 0;
  totals.runaway += answer.runaway ? 1 : 0;
}

void Summary::add_pair(const std::optional<DropReason>& dropped) {
  if (dropped) {
    ++dropped_[*dropped];
  } else {
    ++kept_;
  }
}

void Summary::set_prompts(const PromptSet& set) {
  Json by_reason = Json::object();
  for (const SkipReason reason : kSkipReasons) {
    const auto found = set.left_out.find(reason);
    by_reason[to_string(reason)] = found == set.left_out.end() ? 0 : found->second;
  }
  const auto answered = static_cast<int64_t>(set.prompts.size());
  prompts_ = {{"rows", set.rows},
              {"answered", answered},
              {"left_out", set.rows - answered},
              {"left_out_by_reason", by_reason}};
}

int64_t Summary::dropped_pairs() const {
  int64_t sum = 0;
  for (const auto& [reason, count] : dropped_) sum += count;
  return sum;
}

int64_t Summary::dropped_pairs(DropReason reason) const {
  const auto found = dropped_.find(reason);
  return found == dropped_.end() ? 0 : found->second;
}

LengthStats Summary::lengths(Policy policy) const {
  return length_stats(policies_.at(policy).tokens);
}

Json Summary::to_json() const {
  Json by_reason = Json::object();
  for (const DropReason reason : kDropReasons) by_reason[to_string(reason)] = dropped_pairs(reason);
  Json json = {
      {"prompts", prompts_},
      {"pairs", {{"kept", kept_}, {"dropped", dropped_pairs()}, {"dropped_by_reason", by_reason}}}};
  for (const auto& [policy, totals] : policies_) json[to_string(policy)] = totals_json(totals);
  json["length_histogram"] = histogram_json();
  return json;
}

Json Summary::histogram_json() const {
  std::map<Policy, std::vector<int64_t>> tokens;
  for (const auto& [policy, totals] : policies_) tokens[policy] = totals.tokens;
  const LengthHistogram histogram = length_histogram(tokens);
  Json json = {{"width", histogram.width}};
  for (const auto& [policy, counts] : histogram.counts) json[to_string(policy)] = counts;
  return json;
}

Json Summary::totals_json(const PolicyTotals& totals) {
  const LengthStats stats = length_stats(totals.tokens);
  return {{"answers", stats.answers},
          {"finished", totals.finished},
          {"runaway", totals.runaway},
          {"tokens", stats.total},
          {"mean", stats.mean},
          {"median", stats.median},
          {"p90", stats.p90},
          {"max", stats.max}};
}

}  // namespace retmask::synthesize
