#pragma once
// What the generator keeps of requests between two steps.

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

// Continuations of a request that have not begun (or begin again).
struct Waiting {
  std::shared_ptr<const NumberedRequest> request;
  std::vector<size_t> continuations;
};

// A prompt that is being read, once for each of its policies.
struct Prefill {
  struct MaskGroup {
    std::vector<size_t> continuations;  // the first one's heads are the policy's
    std::vector<int32_t> blocks;        // of the whole prompt
    std::vector<int32_t> spare;         // for the other continuations' own last block
  };
  std::shared_ptr<const NumberedRequest> request;
  std::vector<MaskGroup> policies;
  int64_t done = 0;  // tokens

  const std::vector<int64_t>& prompt() const { return request->request.prompt; }
  const std::vector<Head>& masked_heads(const MaskGroup& policy) const {
    return request->request.continuations[policy.continuations.front()].masked_heads;
  }
  size_t num_continuations() const {
    size_t count = 0;
    for (const MaskGroup& policy : policies) count += policy.continuations.size();
    return count;
  }
};

// The tokens [begin, end) of a prompt, for each of its policies.
struct PrefillChunk {
  Prefill* prefill;
  int64_t begin;
  int64_t end;

  bool is_last() const { return end == static_cast<int64_t>(prefill->prompt().size()); }
};

// A continuation that is being written.
struct Sequence {
  std::shared_ptr<const NumberedRequest> request;
  size_t continuation = 0;
  uint64_t number = 0;  // sequences count from 0 as they begin
  std::vector<int32_t> blocks = {};
  RandomStream random = {};
  GenerationResult result = {};
  int64_t pending = 0;  // tokens that have been drawn on the GPU and are not in the result yet

  const std::vector<Head>& masked_heads() const {
    return request->request.continuations[continuation].masked_heads;
  }
  int64_t num_tokens() const { return static_cast<int64_t>(result.tokens.size()) + pending; }
  bool wants_token() const { return num_tokens() < request->request.max_new_tokens; }
  // Tokens in the cache: all but the newest.
  int64_t past() const {
    return static_cast<int64_t>(request->request.prompt.size()) + num_tokens() - 1;
  }
};

// The sequence of this number among sequences in the order of their numbers, or null.
template <typename Sequences>
Sequence* find_sequence(Sequences& sequences, uint64_t number) {
  const auto found = std::ranges::lower_bound(sequences, number, {}, &Sequence::number);
  return found != sequences.end() && found->number == number ? &*found : nullptr;
}

}  // namespace retmask
