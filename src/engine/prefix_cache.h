#pragma once
// Which block of the KV cache holds which tokens of a prompt, so that later prompts with the same
// beginning use it again. As in vLLM (automatic prefix caching), a block is named by its tokens, by
// all tokens before them and by the policy that computed them. Names are compared exactly, not by
// hash.

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace retmask {

class PrefixCache {
 public:
  static constexpr int64_t kBlockSize = 16;  // tokens
  // Ids of policies that give different keys and values for the same tokens are different, and
  // below this one.
  static constexpr uint64_t kMostPolicies = uint64_t{1} << 32;

  // The blocks of the longest known beginning of `prompt`, at most `most`.
  std::vector<int32_t> find(uint64_t policy, std::span<const int64_t> prompt, size_t most) const;
  // Names the full blocks of a prompt; `blocks` are all of its blocks. Where tokens have a block
  // already, that one keeps the name.
  void add(uint64_t policy, std::span<const int64_t> prompt, std::span<const int32_t> blocks);

  bool holds(int32_t block) const { return names_.contains(block); }
  // The block gets other content. Does nothing if it has no name. Blocks behind it are not found
  // any more, so they should go first.
  void forget(int32_t block);

 private:
  struct Name {
    uint64_t before;  // Entry::id of the block before it; the policy for the first
    std::array<int64_t, static_cast<size_t>(kBlockSize)> tokens;
    bool operator==(const Name&) const = default;
  };
  struct Hash {
    size_t operator()(const Name& name) const;
  };
  struct Entry {
    int32_t block;
    uint64_t id;  // never used twice
  };
  static Name name_of(uint64_t before, std::span<const int64_t> prompt, size_t index);

  std::unordered_map<Name, Entry, Hash> entries_;
  std::unordered_map<int32_t, const Name*> names_;  // of each named block; keys of entries_
  uint64_t next_id_ = kMostPolicies;
};

}  // namespace retmask
