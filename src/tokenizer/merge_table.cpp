#include "merge_table.h"

#include <algorithm>
#include <bit>

namespace retmask::text {

MergeTable::MergeTable(size_t expected_merges)
    : slots_(std::bit_ceil(std::max<size_t>(16, 2 * expected_merges))), mask_(slots_.size() - 1) {}

void MergeTable::add(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = key_of(left, right);
  size_t at = mix(key) & mask_;
  while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & mask_;
  slots_[at] = {key, merge};
}

}  // namespace retmask::text
