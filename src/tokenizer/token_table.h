#pragma once
// The vocabulary: token <-> id.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::text {

class TokenTable {
 public:
  // Reserves space, so that adding does not rehash.
  explicit TokenTable(size_t expected_tokens);

  // id >= 0. Replaces an existing token or id.
  void add(std::string_view token, int32_t id);

  std::optional<int32_t> find(std::string_view token) const;
  // Nullopt for an unassigned id.
  std::optional<std::string_view> token(int64_t id) const;

  size_t size() const { return count_; }
  // One past the largest id.
  int64_t id_end() const { return static_cast<int64_t>(by_id_.size()); }

 private:
  struct Entry {
    size_t offset = 0;  // into bytes_
    uint32_t size = 0;
    int32_t id = -1;  // -1: free
  };

  std::string_view text_of(const Entry& entry) const;
  Entry& slot_of(std::string_view token);
  void grow();

  std::string bytes_;         // all tokens, concatenated
  std::vector<Entry> slots_;  // open addressing, linear probing; a power of two
  std::vector<Entry> by_id_;
  size_t count_ = 0;
};

}  // namespace retmask::text
