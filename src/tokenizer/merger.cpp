#include "merger.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "retmask/base/error.h"

namespace retmask::text {
namespace {

constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();
constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

}  // namespace

void Merger::merge(const MergeTable& merges, std::vector<int32_t>& symbols) {
  if (symbols.size() <= kLongestScan) {
    merge_by_scan(merges, symbols);
  } else {
    merge_by_queue(merges, symbols);
  }
}

void Merger::merge_by_scan(const MergeTable& merges, std::vector<int32_t>& symbols) {
  if (symbols.size() < 2) return;
  const auto pair_at = [&](size_t i) {
    const Merge* merge = merges.find(symbols[i], symbols[i + 1]);
    return merge != nullptr ? *merge : Merge{kNoRank, -1};
  };
  const auto lower_rank = [](const Merge& a, const Merge& b) { return a.rank < b.rank; };
  const auto erase = [](auto& items, size_t i) {
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
  };

  pairs_.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i) pairs_.push_back(pair_at(i));
  while (!pairs_.empty()) {
    const auto best =
        std::min_element(pairs_.begin(), pairs_.end(), lower_rank);  // leftmost on a tie
    if (best->rank == kNoRank) return;
    const auto i = static_cast<size_t>(best - pairs_.begin());
    symbols[i] = best->id;
    erase(symbols, i + 1);
    erase(pairs_, i);
    if (i < pairs_.size()) pairs_[i] = pair_at(i);
    if (i > 0) pairs_[i - 1] = pair_at(i - 1);
  }
}

void Merger::merge_by_queue(const MergeTable& merges, std::vector<int32_t>& symbols) {
  RETMASK_CHECK(symbols.size() < kNone);
  constexpr int32_t kMergedAway = -1;
  const auto size = static_cast<uint32_t>(symbols.size());
  const auto enqueue = [&](uint32_t position) {
    const Merge* merge = merges.find(symbols[position], symbols[next_[position]]);
    if (merge == nullptr) return false;
    queue_.push_back(static_cast<uint64_t>(merge->rank) << 32 | position);
    return true;
  };
  const auto push = [&](uint32_t position) {
    if (enqueue(position)) std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
  };

  next_.resize(size);
  previous_.resize(size);
  queue_.clear();
  for (uint32_t i = 0; i < size; ++i) {
    next_[i] = i + 1 < size ? i + 1 : kNone;
    previous_[i] = i > 0 ? i - 1 : kNone;
    if (i + 1 < size) enqueue(i);
  }
  std::make_heap(queue_.begin(), queue_.end(), std::greater<>());

  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    const auto rank = static_cast<uint32_t>(queue_.back() >> 32);
    const auto position = static_cast<uint32_t>(queue_.back());
    queue_.pop_back();
    const uint32_t right = symbols[position] == kMergedAway ? kNone : next_[position];
    if (right == kNone) continue;
    const Merge* merge = merges.find(symbols[position], symbols[right]);
    if (merge == nullptr || merge->rank != rank)
      continue;  // stale: one of the two was merged since

    symbols[position] = merge->id;
    symbols[right] = kMergedAway;
    next_[position] = next_[right];
    if (next_[position] != kNone) {
      previous_[next_[position]] = position;
      push(position);
    }
    if (previous_[position] != kNone) push(previous_[position]);
  }
  std::erase(symbols, kMergedAway);
}

}  // namespace retmask::text
