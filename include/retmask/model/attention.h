#pragma once
// Attention over a packed batch, and the two ways to reach into it: the head gate and the probe.
//
// Shapes: T tokens of all sequences one after the other (no padding), S sequences, L layers, H
// query heads, Hkv key/value heads, D head_dim, K keys of one sequence.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "retmask/model/config.h"
#include "retmask/model/heads.h"

namespace retmask {

// Keys and values of the tokens that came before, kept by whoever generates (engine/kv_cache.h).
class KeyValueStore {
 public:
  struct Keys {
    torch::Tensor keys;    // [K, Hkv, D], earlier tokens first, this step's last
    torch::Tensor values;  // [K, Hkv, D]
  };

  virtual ~KeyValueStore() = default;
  // Stores this step's keys and values [t, Hkv, D] of the batch's `sequence`-th sequence and
  // returns all of them.
  virtual Keys update(int64_t layer,
                      int64_t sequence,
                      const torch::Tensor& keys,
                      const torch::Tensor& values) = 0;
};

// Multiplies each head's attention output per sequence: 0 switches a head off, which equals zeroing
// its columns of W_o. One set of weights thus serves both policies in one batch.
class HeadGate {
 public:
  // `masked[s]` lists the heads that are off in sequence s.
  HeadGate(const ModelConfig& config,
           const std::vector<std::vector<Head>>& masked,
           torch::TensorOptions options);

  // [S, H] of ones and zeros, or undefined when the layer has no masked head in any sequence.
  const torch::Tensor& layer(int64_t layer) const { return gates_[layer]; }

 private:
  std::vector<torch::Tensor> gates_;
};

// For each head the key position with the largest attention weight at the last query row of each
// sequence.
class AttentionProbe {
 public:
  void clear() { layers_.clear(); }
  // Called by the model, once per layer in order.
  void record(torch::Tensor largest_key) { layers_.push_back(std::move(largest_key)); }
  // [S, L, H] int64 on the CPU.
  torch::Tensor largest_keys() const;

 private:
  std::vector<torch::Tensor> layers_;  // L of [S, H]
};

// What one forward call works on. Plain prefill or training: only the lengths. Decoding: also
// positions and a store.
struct PackedBatch {
  torch::Tensor token_ids;       // [T] int64
  std::vector<int64_t> lengths;  // S: new tokens of each sequence, sum T
  std::vector<int64_t> past;     // S: tokens that the store already holds (0 without a store)
  KeyValueStore* store = nullptr;
  const HeadGate* gate = nullptr;
  AttentionProbe* probe = nullptr;
};

// One sequence, one layer: softmax(q k^T / sqrt(D)) v with causal order and an optional window.
// q [t, H, D] at positions K - t .. K - 1; k, v [K, Hkv, D]. Returns [t, H, D].
// The first writes every step out; the second is the fast path, held equal to it by a test.
torch::Tensor attention_reference(const torch::Tensor& q,
                                  const torch::Tensor& k,
                                  const torch::Tensor& v,
                                  std::optional<int64_t> sliding_window);
torch::Tensor attention(const torch::Tensor& q,
                        const torch::Tensor& k,
                        const torch::Tensor& v,
                        std::optional<int64_t> sliding_window);

// q [H, D] of the last row, k [K, Hkv, D] -> [H] int64: the key with the largest weight (the first
// of equals).
torch::Tensor largest_key(const torch::Tensor& q,
                          const torch::Tensor& k,
                          std::optional<int64_t> sliding_window);

}  // namespace retmask
