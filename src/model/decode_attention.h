#pragma once
// Attention of single-token steps on the CPU: one query row per sequence over that sequence's
// cached keys.

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "retmask/model/attention.h"

namespace retmask {

// q [S, H, D]; keys[s] as KeyValueStore::update returned them; float32 or bfloat16, contiguous. ->
// [S, H, D]. Equal to attention() row by row; this one reads each key and value once, in all rows
// at the same time.
torch::Tensor decode_attention_cpu(const torch::Tensor& q,
                                   const std::vector<KeyValueStore::Keys>& keys,
                                   std::optional<int64_t> sliding_window);

}  // namespace retmask
