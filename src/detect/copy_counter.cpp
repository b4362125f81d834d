#include "retmask/detect/copy_counter.h"

#include "retmask/base/error.h"

namespace retmask::detect {

void CopyCounter::observe(int64_t token, const torch::Tensor& largest_keys) {
  RETMASK_CHECK(largest_keys.dim() == 2 && largest_keys.device().is_cpu());
  CopyStep& step = steps_.emplace_back(CopyStep{.token = token});
  const auto keys = largest_keys.accessor<int64_t, 2>();
  for (int64_t layer = 0; layer < keys.size(0); ++layer) {
    for (int64_t head = 0; head < keys.size(1); ++head) {
      const int64_t key = keys[layer][head];
      // The span may extend past the prompt if the needle's window is truncated there.
      const bool copied = sample_->span.contains(key) &&
                          key < static_cast<int64_t>(sample_->prompt.size()) &&
                          sample_->prompt[static_cast<size_t>(key)] == token;
      if (!copied) continue;
      Copies& copies = copies_[{layer, head}];
      copies.tokens.insert(token);
      ++copies.steps;
      step.copied_by.push_back({layer, head});
    }
  }
}

SampleScores CopyCounter::scores() const {
  const std::vector<int64_t>& needle = sample_->needle_tokens;
  const std::set<int64_t> distinct(needle.begin(), needle.end());
  SampleScores scores;
  for (const auto& [head, copies] : copies_) {
    const size_t count =
        scoring_ == Scoring::set ? copies.tokens.size() : static_cast<size_t>(copies.steps);
    const size_t whole = scoring_ == Scoring::set ? distinct.size() : needle.size();
    scores[head] = static_cast<double>(count) / static_cast<double>(whole);
  }
  return scores;
}

}  // namespace retmask::detect
