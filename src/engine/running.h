#pragma once
// State of requests between two steps of the generator.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "retmask/engine/generator.h"

namespace retmask {

struct NumberedRequest {
  size_t index;
  GenerationRequest request;
};

// Continuations of a request that have not started, or were evicted.
struct Waiting {
  std::shared_ptr<const NumberedRequest> request;
  std::vector<size_t> continuations;
};

// A prompt in prefill, once per policy.
struct Prefill {
  struct MaskGroup {
    std::vector<size_t> continuations;  // all with the masked heads of the first
    std::vector<int32_t> blocks;        // of the whole prompt
    std::vector<int32_t> spare;         // last blocks of the other continuations
  };
  std::shared_ptr<const NumberedRequest> request;
  std::vector<MaskGroup> policies;
  int64_t done = 0;    // tokens already prefilled
  int64_t reused = 0;  // of those, tokens in blocks of earlier prompts

  const std::vector<int64_t>& prompt() const { return request->request.prompt; }
  const HeadMask& masked_heads(const MaskGroup& policy) const {
    return request->request.continuations[policy.continuations.front()].masked_heads;
  }
  size_t num_continuations() const {
    size_t count = 0;
    for (const MaskGroup& policy : policies) count += policy.continuations.size();
    return count;
  }
};

// Tokens [begin, end) of a prompt, for each of its policies.
struct PrefillChunk {
  Prefill* prefill;
  int64_t begin;
  int64_t end;

  bool is_last() const { return end == static_cast<int64_t>(prefill->prompt().size()); }
};

// A continuation that is being decoded.
struct Sequence {
  std::shared_ptr<const NumberedRequest> request;
  size_t continuation = 0;
  uint64_t number = 0;  // in the order in which sequences start, from 0
  std::vector<int32_t> blocks = {};
  RandomStream random = {};
  GenerationResult result = {};
  int64_t pending = 0;  // tokens sampled on the GPU that are not in the result yet

  const HeadMask& masked_heads() const {
    return request->request.continuations[continuation].masked_heads;
  }
  const std::vector<int64_t>& forced_tokens() const {
    return request->request.continuations[continuation].forced_tokens;
  }
  int64_t num_tokens() const { return static_cast<int64_t>(result.tokens.size()) + pending; }
  bool wants_token() const { return num_tokens() < request->request.max_new_tokens; }
  // Tokens in the cache: all but the newest.
  int64_t past() const {
    return static_cast<int64_t>(request->request.prompt.size()) + num_tokens() - 1;
  }
};

// Finds a sequence by number; `sequences` is sorted by number. Null if absent.
template <typename Sequences>
Sequence* find_sequence(Sequences& sequences, uint64_t number) {
  const auto found = std::ranges::lower_bound(sequences, number, {}, &Sequence::number);
  return found != sequences.end() && found->number == number ? &*found : nullptr;
}

}  // namespace retmask
