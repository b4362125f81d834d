#include "token_table.h"

#include <bit>

#include "hash.h"
#include "retmask/base/error.h"

namespace retmask::text {

TokenTable::TokenTable(size_t expected_tokens)
    : slots_(std::bit_ceil(std::max<size_t>(16, 2 * expected_tokens))) {}

std::string_view TokenTable::text_of(const Entry& entry) const {
  return std::string_view(bytes_).substr(entry.offset, entry.size);
}

TokenTable::Entry& TokenTable::slot_of(std::string_view token) {
  const size_t mask = slots_.size() - 1;
  size_t at = hash_bytes(token) & mask;
  while (slots_[at].id >= 0 && text_of(slots_[at]) != token) at = (at + 1) & mask;
  return slots_[at];
}

void TokenTable::grow() {
  std::vector<Entry> old(2 * slots_.size());
  old.swap(slots_);
  for (const Entry& entry : old) {
    if (entry.id >= 0) slot_of(text_of(entry)) = entry;
  }
}

void TokenTable::add(std::string_view token, int32_t id) {
  RETMASK_CHECK(id >= 0);
  if (2 * (count_ + 1) > slots_.size()) grow();
  Entry& slot = slot_of(token);
  if (slot.id < 0) {
    slot.offset = bytes_.size();
    slot.size = static_cast<uint32_t>(token.size());
    bytes_.append(token);
    ++count_;
  }
  slot.id = id;
  if (static_cast<size_t>(id) >= by_id_.size()) by_id_.resize(static_cast<size_t>(id) + 1);
  by_id_[static_cast<size_t>(id)] = slot;
}

std::optional<int32_t> TokenTable::find(std::string_view token) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash_bytes(token) & mask; slots_[at].id >= 0; at = (at + 1) & mask) {
    if (text_of(slots_[at]) == token) return slots_[at].id;
  }
  return std::nullopt;
}

std::optional<std::string_view> TokenTable::token(int64_t id) const {
  if (id < 0 || id >= id_end()) return std::nullopt;
  const Entry& entry = by_id_[static_cast<size_t>(id)];
  if (entry.id < 0) return std::nullopt;
  return text_of(entry);
}

}  // namespace retmask::text
