#include "prefix_cache.h"

#include <algorithm>

namespace retmask {

PrefixCache::Name PrefixCache::name_of(uint64_t before,
                                       std::span<const int64_t> prompt,
                                       size_t index) {
  Name name{.before = before, .tokens = {}};
  std::ranges::copy(prompt.subspan(index * kBlockSize, kBlockSize), name.tokens.begin());
  return name;
}

size_t PrefixCache::Hash::operator()(const Name& name) const {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio (Fibonacci hashing)
  uint64_t hash = name.before * kOdd;
  for (const int64_t token : name.tokens) {
    hash = (hash ^ static_cast<uint64_t>(token)) * kOdd;
    hash ^= hash >> 32;
  }
  return hash;
}

std::vector<int32_t> PrefixCache::find(uint64_t policy,
                                       std::span<const int64_t> prompt,
                                       size_t most) const {
  std::vector<int32_t> blocks;
  uint64_t before = policy;
  most = std::min<size_t>(most, prompt.size() / kBlockSize);
  while (blocks.size() < most) {
    const auto found = entries_.find(name_of(before, prompt, blocks.size()));
    if (found == entries_.end()) break;
    blocks.push_back(found->second.block);
    before = found->second.id;
  }
  return blocks;
}

void PrefixCache::add(uint64_t policy,
                      std::span<const int64_t> prompt,
                      std::span<const int32_t> blocks) {
  uint64_t before = policy;
  for (size_t i = 0; i < prompt.size() / kBlockSize; ++i) {
    const auto [entry, is_new] =
        entries_.try_emplace(name_of(before, prompt, i), Entry{blocks[i], next_id_});
    if (is_new) {
      names_.emplace(blocks[i], &entry->first);
      ++next_id_;
    }
    before = entry->second.id;
  }
}

void PrefixCache::forget(int32_t block) {
  const auto name = names_.find(block);
  if (name == names_.end()) return;
  entries_.erase(entries_.find(*name->second));
  names_.erase(name);
}

}  // namespace retmask
