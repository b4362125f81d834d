#pragma once
// A cache of encoded words. Text is repetitive, so most words need no merging at all.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "hash.h"

namespace retmask::text {

// Direct-mapped: a word has one slot and evicts its previous content. A slot is one cache line;
// words or results that do not fit are not cached.
class WordCache {
 public:
  // The ids of `word`; empty if it is not cached (a word without ids is not cached).
  std::span<const int32_t> find(std::string_view word, uint64_t hash) const {
    const Slot& slot = slots_[hash % kSlots];
    if (std::string_view(slot.word.data(), slot.word_size) != word) return {};
    return {slot.ids.data(), slot.id_count};
  }

  void put(std::string_view word, uint64_t hash, std::span<const int32_t> ids) {
    Slot& slot = slots_[hash % kSlots];
    if (word.empty() || word.size() > slot.word.size()) return;
    if (ids.empty() || ids.size() > slot.ids.size()) return;
    slot.word_size = static_cast<uint8_t>(word.size());
    slot.id_count = static_cast<uint8_t>(ids.size());
    std::memcpy(slot.word.data(), word.data(), word.size());
    std::memcpy(slot.ids.data(), ids.data(), ids.size_bytes());
  }

 private:
  static constexpr size_t kSlots = 1 << 14;
  struct alignas(64) Slot {
    std::array<int32_t, 7> ids{};
    uint8_t word_size = 0;
    uint8_t id_count = 0;
    std::array<char, 34> word{};
  };
  static_assert(sizeof(Slot) == 64);

  std::vector<Slot> slots_ = std::vector<Slot>(kSlots);
};

}  // namespace retmask::text
