#pragma once
// The merges of a BPE model: (left id, right id) -> rank and merged id.

#include <cstdint>
#include <vector>

#include "hash.h"

namespace retmask::text {

struct Merge {
  uint32_t rank;  // lower ranks merge first
  int32_t id;     // of the merged token
};

class MergeTable {
 public:
  explicit MergeTable(size_t expected_merges);

  // Replaces an existing entry.
  void add(int32_t left, int32_t right, Merge merge);

  // Null when the two do not merge.
  const Merge* find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t at = mix(key) & mask_; slots_[at].key != kFree; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return &slots_[at].merge;
    }
    return nullptr;
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};  // no valid pair: ids are not negative
  struct Slot {
    uint64_t key = kFree;
    Merge merge{};
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  std::vector<Slot> slots_;  // open addressing, linear probing; a power of two, at most half full
  size_t mask_;
};

}  // namespace retmask::text
