#pragma once
// The merge loop of byte-pair encoding.

#include <cstdint>
#include <vector>

#include "merge_table.h"

namespace retmask::text {

// Merges the symbols of one word in place: repeatedly the adjacent pair of the lowest rank,
// leftmost on a tie. Holds scratch memory: one object per thread.
class Merger {
 public:
  void merge(const MergeTable& merges, std::vector<int32_t>& symbols);

  // Two implementations with the same result. Ordinary words are short, where scanning all pairs at
  // each step is fastest; on a long run of letters (base64, Chinese) a scan takes quadratic time.
  void merge_by_scan(const MergeTable& merges, std::vector<int32_t>& symbols);
  void merge_by_queue(const MergeTable& merges, std::vector<int32_t>& symbols);

 private:
  static constexpr size_t kLongestScan = 40;  // symbols; about the break-even point

  std::vector<Merge> pairs_;  // of symbol i and its right neighbour

  std::vector<uint32_t> next_;  // linked list of the remaining symbols
  std::vector<uint32_t> previous_;
  std::vector<uint64_t> queue_;  // heap of rank << 32 | position
};

}  // namespace retmask::text
