#pragma once
// Attention over a packed batch, with its hooks: the head gate, the probe and the reader.
//
// Shapes: T tokens of all sequences, concatenated without padding, S sequences, L layers, H query
// heads, Hkv key/value heads, D head_dim, K keys of one sequence, P tokens per cache block.

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "retmask/model/config.h"
#include "retmask/model/head_output_sums.h"
#include "retmask/model/heads.h"
#include "retmask/model/step_times.h"

namespace retmask {

// The KV cache as seen by one forward call: blocks of tokens, allocated by the generator
// (engine/block_pool.h). Token i of sequence s is in block block_tables[s][i / P], row i % P.
struct KeyValueBlocks {
  struct Layer {
    // [blocks, Hkv, P, D] elements; on a CPU a block is laid out for the kernels
    // (kernels/attention_blocks.h).
    torch::Tensor keys;
    torch::Tensor values;  // the same
  };
  const std::vector<Layer>* layers = nullptr;
  torch::Tensor block_tables;  // [S, longest] int32 on the CPU; covers this step's tokens
  int64_t block_size = 0;      // P
};

// Multiplies each head's attention output per sequence. 0 switches a head off, which equals zeroing
// its columns of W_o, so one copy of the weights serves both policies in one batch. In mode mean
// the output becomes a constant instead, which equals adding W_o's columns times that constant to
// o_proj's bias.
class HeadGate {
 public:
  // `masks[s]` is the mask of sequence s. `options`: device and dtype of the model.
  HeadGate(const ModelConfig& config,
           const std::vector<HeadMask>& masks,
           torch::TensorOptions options);

  // [S, H] of ones and zeros, or undefined when the layer has no masked head in any sequence.
  const torch::Tensor& layer(int64_t layer) const { return gates_[layer]; }
  // [S, H, D]: what replaces the output where layer() is 0. Undefined when the layer has no masked
  // head of mode mean in any sequence.
  const torch::Tensor& means(int64_t layer) const { return means_[layer]; }

 private:
  std::vector<torch::Tensor> gates_, means_;
};

// Records, for each head, the key position with the largest attention weight at the last query row
// of each sequence.
class AttentionProbe {
 public:
  AttentionProbe() = default;
  // Records only these sequences; the others are kUnknown, such as a prefill chunk in the middle of
  // a prompt.
  explicit AttentionProbe(const std::vector<int64_t>& sequences)
      : sequences_(std::in_place, sequences.begin(), sequences.end()) {}
  static constexpr int64_t kUnknown = -1;

  bool wants(size_t sequence) const {
    return !sequences_ || sequences_->contains(static_cast<int64_t>(sequence));
  }
  void clear() { layers_.clear(); }
  // Called by the model, once per layer in order.
  void record(torch::Tensor largest_key) { layers_.push_back(std::move(largest_key)); }
  // [S, L, H] int64 on the CPU.
  torch::Tensor largest_keys() const;

 private:
  std::optional<std::set<int64_t>> sequences_;  // nullopt: all
  std::vector<torch::Tensor> layers_;           // L of [S, H]
};

// Positions [begin, end) of a sequence.
struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Queries of one sequence at one layer, and all that they may attend to.
struct AttentionRows {
  int64_t layer = 0;
  torch::Tensor q;       // [n, H, D] after QK-norm and RoPE, at positions K - n .. K - 1
  torch::Tensor keys;    // [K, Hkv, D]
  torch::Tensor values;  // [K, Hkv, D]
  std::optional<int64_t> sliding_window;

  // The attention weights: [H, n, K] float32.
  torch::Tensor weights() const;
};

// Sees chosen query rows of a batch, whether or not their keys are in the cache.
struct AttentionReader {
  std::vector<RowRange> rows;  // S: the positions wanted of each sequence
  // Called layer by layer, in order. Several calls share the rows of a prompt read in chunks.
  std::function<void(size_t sequence, const AttentionRows& rows)> read;
};

// Input of one forward call. Plain prefill or training needs only the lengths. With a cache, the
// call stores the new tokens' keys and values there and reads those of `past`.
struct PackedBatch {
  torch::Tensor token_ids;       // [T] int64
  std::vector<int64_t> lengths;  // S: new tokens of each sequence, sum T
  std::vector<int64_t> past;     // S: tokens already in the cache (0 without a cache)
  // S: known length of each sequence, which is the whole prompt when this call runs a prefill chunk
  // of it. For length-dependent RoPE. Empty: past + lengths.
  std::vector<int64_t> known = {};
  const KeyValueBlocks* cache = nullptr;
  const HeadGate* gate = nullptr;
  // Sequences with the same tokens and past whose gates are equal below layer `first_difference`
  // are computed once up to there. leaders[s] is the first sequence of s's group, s itself if it is
  // the first; empty: no groups. Not with a probe or a reader.
  std::vector<int64_t> leaders;
  int64_t first_difference = 0;
  AttentionProbe* probe = nullptr;
  HeadOutputSums* output_sums = nullptr;
  const AttentionReader* reader = nullptr;
  StepTimes* times = nullptr;  // meaningful on the CPU only: a GPU runs asynchronously
};

// One sequence, one layer: softmax(q k^T / sqrt(D)) v, causal, with an optional window. q [t, H, D]
// at positions K - t .. K - 1; k, v [K, Hkv, D]. Returns [t, H, D]. The first spells out every
// step; the second is the fast path, which a test compares with it.
torch::Tensor attention_reference(const torch::Tensor& q,
                                  const torch::Tensor& k,
                                  const torch::Tensor& v,
                                  std::optional<int64_t> sliding_window);
torch::Tensor attention(const torch::Tensor& q,
                        const torch::Tensor& k,
                        const torch::Tensor& v,
                        std::optional<int64_t> sliding_window);

// [S, H] int64 of AttentionProbe::kUnknown, on `device`.
torch::Tensor unknown_keys(const PackedBatch& batch, int64_t num_heads, torch::Device device);

// q [H, D] of the last row, k [K, Hkv, D] -> [H] int64: the key with the largest weight, the first
// of equals.
torch::Tensor largest_key(const torch::Tensor& q,
                          const torch::Tensor& k,
                          std::optional<int64_t> sliding_window);

}  // namespace retmask
