#pragma once
// State that the layers of one forward call share: the batch, its rotations and where its tokens
// lie.

#include <torch/types.h>

#include <memory>
#include <vector>

#include "retmask/model/attention.h"
#include "rope.h"

namespace retmask {

struct DecodeBatch;
struct VarlenPlan;

// Places of a batch's tokens in the KV cache.
struct CacheSlots {
  torch::Tensor blocks;  // [T] int64, on the model's device
  torch::Tensor rows;    // [T] int64: rows of these blocks
  // [T] int64: the batch row whose keys and values are stored for each token, where several
  // sequences share a row (PackedBatch::leaders). Undefined: each token has its own.
  torch::Tensor batch_rows;
};

// Held by value: a layer that is recomputed in the backward pass needs it after the call has
// returned.
struct ForwardContext {
  PackedBatch batch = {};
  std::vector<Rotation> rotations = {};  // one per distinct RoPE
  torch::Tensor token_sequence = {};     // [T]: the sequence of each token; only with a gate
  CacheSlots slots = {};                 // only with a cache
  // On a GPU in bfloat16: attention of all sequences in one launch. Null: one after the other.
  std::shared_ptr<const VarlenPlan> varlen = nullptr;
  // On a GPU: one new token per sequence, with our own kernels; `batch` is then empty.
  const DecodeBatch* decode = nullptr;

  double* linear_seconds() const { return batch.times != nullptr ? &batch.times->linear : nullptr; }
  double* attention_seconds() const {
    return batch.times != nullptr ? &batch.times->attention : nullptr;
  }
};

// Uploads what the layers need to `device`, once for all of them, but for the slots. `dtype` is the
// model's.
ForwardContext make_context(const PackedBatch& batch,
                            const RopeSet& ropes,
                            torch::Device device,
                            torch::ScalarType dtype);

CacheSlots make_slots(const PackedBatch& batch, torch::Device device);

// The leaders of a batch as a batch of their own: input of the layers below the first difference.
// Saves a fifth of the time of long prompts (tests/bench/RESULTS.md).
class LeaderBatch {
 public:
  explicit LeaderBatch(const PackedBatch& batch);
  LeaderBatch(const LeaderBatch&) = delete;
  LeaderBatch& operator=(const LeaderBatch&) = delete;

  const PackedBatch& batch() const { return batch_; }
  // [T] of the whole batch: the row of batch() that stands for each token.
  const std::vector<int64_t>& row_of_token() const { return row_of_token_; }

 private:
  PackedBatch batch_;  // points to cache_
  KeyValueBlocks cache_;
  std::vector<int64_t> row_of_token_;
};

}  // namespace retmask
