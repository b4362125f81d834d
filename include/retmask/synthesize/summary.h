#pragma once
// Counts and answer lengths of a run.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"
#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize {

// Percentiles interpolate linearly, as numpy does by default. All zero if there are no answers.
struct LengthStats {
  int64_t answers = 0;
  int64_t total = 0;  // tokens
  double mean = 0.0;
  double median = 0.0;
  double p90 = 0.0;
  int64_t max = 0;
};
LengthStats length_stats(std::vector<int64_t> tokens);

// Answers by length: bin i counts those of i * width to (i + 1) * width - 1 tokens.
struct LengthHistogram {
  int64_t width = 1;
  std::map<Policy, std::vector<int64_t>> counts;  // the same number of bins for each policy
};
// At most ten bins; their width is 1, 2 or 5 times a power of ten.
LengthHistogram length_histogram(const std::map<Policy, std::vector<int64_t>>& tokens);

// Depends only on the answers, not on timing or on how often the run was resumed.
class Summary {
 public:
  void add_answer(Policy policy, const Answer& answer);
  void add_pair(const std::optional<DropReason>& dropped);
  void set_prompts(const PromptSet& set);

  int64_t kept_pairs() const { return kept_; }
  int64_t dropped_pairs() const;
  int64_t dropped_pairs(DropReason reason) const;
  LengthStats lengths(Policy policy) const;

  // {"prompts": {"rows", "answered", "left_out", "left_out_by_reason": {reason: count}},
  //  "pairs": {"kept", "dropped", "dropped_by_reason": {reason: count}},
  //  "chosen": {"answers", "finished", "runaway", "tokens", "mean", "median", "p90", "max"},
  //  "rejected": {the same},
  //  "length_histogram": {"width", "chosen": [counts], "rejected": [counts]}}
  Json to_json() const;

 private:
  struct PolicyTotals {
    std::vector<int64_t> tokens;
    int64_t finished = 0;  // ended by the model, not truncated
    int64_t runaway = 0;
  };
  static Json totals_json(const PolicyTotals& totals);
  Json histogram_json() const;

  std::map<Policy, PolicyTotals> policies_ = {{Policy::chosen, {}}, {Policy::rejected, {}}};
  std::map<DropReason, int64_t> dropped_;
  int64_t kept_ = 0;
  Json prompts_;
};

}  // namespace retmask::synthesize
