#pragma once
// The merging of byte-pair encoding.

#include <cstdint>
#include <vector>

#include "merge_table.h"

namespace retmask::text {

// Merges the symbols of one word in place: again and again the adjacent pair of the lowest rank,
// the leftmost of equals. Holds working memory: one for each thread.
class Merger {
 public:
  void merge(const MergeTable& merges, std::vector<int32_t>& symbols);

  // The two ways to do it, with the same result. Ordinary words are short, and looking through all
  // pairs each time beats any clever structure; in a long run of letters (base64, Chinese) it would
  // take quadratic time.
  void merge_by_scan(const MergeTable& merges, std::vector<int32_t>& symbols);
  void merge_by_queue(const MergeTable& merges, std::vector<int32_t>& symbols);

 private:
  static constexpr size_t kLongestScan = 40;  // symbols; about where the two take the same time

  std::vector<Merge> pairs_;  // of symbol i with its right neighbour

  std::vector<uint32_t> next_;  // linked list of the symbols that are left
  std::vector<uint32_t> previous_;
  std::vector<uint64_t> queue_;  // heap of rank << 32 | position
};

}  // namespace retmask::text
