#include "dict.h"

#include <cmath>
#include <functional>

#include "object.h"
#include "operators.h"

namespace retmask::jinja {
namespace {

// Up to this size, a linear search is as fast.
constexpr size_t kSmallDict = 8;

size_t combine(size_t seed, size_t hash) { return (seed ^ hash) * 0x9E3779B97F4A7C15ULL + 1; }

size_t hash_number(const Value& value) {
  if (value.is_int()) {
    const Int number = value.as_int();
    const auto low = static_cast<int64_t>(number);
    if (low == number) return std::hash<int64_t>()(low);
    return combine(std::hash<int64_t>()(low), static_cast<size_t>(number >> 64));
  }
  const double number = value.as_float();
  if (std::floor(number) == number && std::fabs(number) < 9e18) {
    return std::hash<int64_t>()(static_cast<int64_t>(number));
  }
  return std::hash<double>()(number);
}

}  // namespace

size_t hash_of(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kBool:
    case Value::Kind::kInt:
    case Value::Kind::kFloat:
      return hash_number(value);
    case Value::Kind::kText:
      return std::hash<std::string>()(value.bytes());
    case Value::Kind::kTuple: {
      size_t hash = 7;
      for (const Value& item : value.items()) hash = combine(hash, hash_of(item));
      return hash;
    }
    case Value::Kind::kList:
    case Value::Kind::kDict:
      type_error("unhashable type: '" + value.type_name() + "'");
    case Value::Kind::kObject: {
      const std::string type = value.type_name();
      if (type == "dict_keys" || type == "dict_items")
        type_error("unhashable type: '" + type + "'");
      return type == "range" ? 3 : std::hash<const void*>()(value.object().get());
    }
    default:
      return static_cast<size_t>(value.kind());
  }
}

size_t Dict::position(const Value& key, size_t hash) const {
  if (entries_.size() <= kSmallDict) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (equal_keys(entries_[i].first, key)) return i;
    }
    return entries_.size();
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto found = begin; found != end; ++found) {
    if (equal_keys(entries_[found->second].first, key)) return found->second;
  }
  return entries_.size();
}

void Dict::set(Value key, Value value) {
  const size_t hash = hash_of(key);
  depth_ = std::max({depth_, key.depth() + 1, value.depth() + 1});
  const size_t at = position(key, hash);
  if (at < entries_.size()) {
    entries_[at].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() == kSmallDict + 1) {
    for (size_t i = 0; i < kSmallDict; ++i) index_.emplace(hash_of(entries_[i].first), i);
  }
  if (entries_.size() > kSmallDict) index_.emplace(hash, at);
}

const Value* Dict::find(const Value& key) const {
  const size_t at = position(key, hash_of(key));
  return at < entries_.size() ? &entries_[at].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (entries_.size() <= kSmallDict) {
    for (const auto& [name, value] : entries_) {
      if (name.is_text() && name.bytes() == key) return &value;
    }
    return nullptr;
  }
  return find(Value::text(std::string(key)));
}

}  // namespace retmask::jinja
