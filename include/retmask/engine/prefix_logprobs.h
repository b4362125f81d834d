#pragma once
// Log-probs of sequences that share prefixes: the choices of a question, questions behind the same
// examples.

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "retmask/model/inference.h"

namespace retmask {

// A prefix tree over token sequences. Each node is a run of tokens that several sequences share, or
// the rest of one sequence.
class PrefixTree {
 public:
  struct Node {
    size_t parent = kNone;
    // The run is tokens [begin, end) of sequence `sequence`, and of all others through this node.
    size_t sequence = 0;
    int64_t begin = 0;
    int64_t end = 0;
    size_t level = 0;  // 0: no parent
  };
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // A run becomes a node of its own if sharing it saves enough tokens. Without `share` each
  // sequence is a node. The sequences must not be empty and must outlive the tree.
  PrefixTree(const std::vector<std::vector<int64_t>>& sequences, bool share);

  const std::vector<Node>& nodes() const { return nodes_; }  // parents before children
  size_t leaf(size_t sequence) const { return leaves_[sequence]; }
  size_t num_levels() const;
  // Tokens that are computed.
  int64_t num_tokens() const;

 private:
  void grow(std::span<const size_t> group, int64_t depth, size_t parent);
  size_t add(size_t parent, size_t sequence, int64_t begin, int64_t end);

  const std::vector<std::vector<int64_t>>& sequences_;
  std::vector<Node> nodes_;
  std::vector<size_t> leaves_;
};

// log p(tokens[i] | tokens[0..i-1]) for i >= first[s] >= 1 of each sequence, as token_logprobs:
// S tensors of [length - first] float32 on the CPU. Each shared prefix is computed once, in a paged
// KV cache for all tokens of the tree, so the caller bounds memory by the sequences of one call.
// With our CPU kernels the result does not depend on the other sequences, to the last bit.
// `masked_heads` are off in all sequences.
std::vector<torch::Tensor> prefix_logprobs(const InferenceLm& model,
                                           const std::vector<std::vector<int64_t>>& sequences,
                                           const std::vector<int64_t>& first,
                                           const HeadMask& masked_heads = {});

}  // namespace retmask
