#pragma once
// The key/value cache of all running sequences: blocks of tokens out of one allocation, so that
// sequences of any length share it without waste.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "retmask/model/attention.h"

namespace retmask {

class BlockPool {
 public:
  // Tokens of a block: few enough that a sequence's last, half-empty block wastes little.
  static constexpr int64_t kBlockSize = 16;

  static constexpr int64_t blocks_for(int64_t tokens) {
    return (tokens + kBlockSize - 1) / kBlockSize;
  }
  // Of one block, over all layers.
  static int64_t block_bytes(const ModelConfig& config, torch::ScalarType dtype);

  // On the CPU a page of memory is taken when it is first written to; `reserve`: all of them now.
  BlockPool(const ModelConfig& config,
            torch::TensorOptions options,
            int64_t num_blocks,
            bool reserve);

  int64_t num_blocks() const { return static_cast<int64_t>(users_.size()); }
  int64_t num_free() const { return static_cast<int64_t>(free_.size()); }
  const std::vector<KeyValueBlocks::Layer>& layers() const { return layers_; }

  // A block with one user. There must be a free one.
  int32_t take();
  void retain(int32_t block) { ++users_[static_cast<size_t>(block)]; }
  // The last user's leaving frees the block.
  void release(int32_t block);
  // All layers' keys and values.
  void copy(int32_t from, int32_t to);

 private:
  std::vector<KeyValueBlocks::Layer> layers_;
  std::vector<int32_t> users_;  // of each block
  std::vector<int32_t> free_;   // the last one freed is the next one taken: its memory is warm
};

}  // namespace retmask
