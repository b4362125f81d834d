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

void Summary::add_answer(Policy policy, const Answer& answer) {
  if (answer.ending == Ending::prompt_too_long) return;
  PolicyTotals& totals = policies_.at(policy);
  totals.tokens.push_back(answer.tokens);
  totals.finished += answer.ending == Ending::stop ? 1 : 0;
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
  for (const LeftOut reason : kLeftOut) {
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
  return json;
}

Json Summary::totals_json(const PolicyTotals& totals) {
  const LengthStats stats = length_stats(totals.tokens);
  return {{"answers", stats.answers},
          {"finished", totals.finished},
          {"tokens", stats.total},
          {"mean", stats.mean},
          {"median", stats.median},
          {"p90", stats.p90},
          {"max", stats.max}};
}

}  // namespace retmask::synthesize
