#pragma once
// Python's dict: insertion-ordered, with hashable keys, and 1, 1.0 and True are the same key.

#include <unordered_map>
#include <utility>
#include <vector>

#include "value.h"

namespace retmask::jinja {

// Throws a TypeError for lists, dicts and containers of them.
size_t hash_of(const Value& value);

class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  // Inserts, or replaces the value of an existing key. Throws a TypeError for an unhashable key.
  void set(Value key, Value value);
  // Null if the key is missing.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  int depth() const { return depth_; }

 private:
  size_t position(const Value& key, size_t hash) const;

  std::vector<Entry> entries_;
  std::unordered_multimap<size_t, size_t> index_;  // hash -> index in entries_
  int depth_ = 1;
};

}  // namespace retmask::jinja
