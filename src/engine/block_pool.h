#pragma once
// KV cache of all running sequences: fixed-size blocks from one allocation, so sequences of any
// length share it without waste.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "retmask/model/attention.h"

namespace retmask {

class BlockPool {
 public:
  // Tokens per block: few enough that a sequence's partly filled last block wastes little.
  static constexpr int64_t kBlockSize = 16;

  static constexpr int64_t blocks_for(int64_t tokens) {
    return (tokens + kBlockSize - 1) / kBlockSize;
  }
  // Bytes of one block over all layers.
  static int64_t block_bytes(const ModelConfig& config, torch::ScalarType dtype);

  // On the CPU memory is committed page by page at the first write; `reserve` commits all of it
  // now.
  BlockPool(const ModelConfig& config,
            torch::TensorOptions options,
            int64_t num_blocks,
            bool reserve);

  int64_t num_blocks() const { return static_cast<int64_t>(users_.size()); }
  int64_t num_free() const { return static_cast<int64_t>(free_.size()); }
  const std::vector<KeyValueBlocks::Layer>& layers() const { return layers_; }

  // Returns a free block with a reference count of one. There must be one.
  int32_t take();
  void retain(int32_t block) { ++users_[static_cast<size_t>(block)]; }
  // The block becomes free when its reference count reaches zero.
  void release(int32_t block);
  // Copies keys and values of all layers.
  void copy(int32_t from, int32_t to);

 private:
  std::vector<KeyValueBlocks::Layer> layers_;
  std::vector<int32_t> users_;  // reference count of each block
  std::vector<int32_t> free_;   // LIFO: the last block freed is still in the CPU cache
};

}  // namespace retmask
