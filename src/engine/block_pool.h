#pragma once
// KV cache of all running sequences: fixed-size blocks from one allocation, so sequences of any
// length share it without waste.

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <vector>

#include "prefix_cache.h"
#include "retmask/model/attention.h"

namespace retmask {

class BlockPool {
 public:
  // Tokens per block: few enough that a sequence's partly filled last block wastes little.
  static constexpr int64_t kBlockSize = PrefixCache::kBlockSize;

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
  // Blocks without references, whether or not their content is still known.
  int64_t num_free() const { return static_cast<int64_t>(free_.size() + idle_.size()); }
  const std::vector<KeyValueBlocks::Layer>& layers() const { return layers_; }

  // The content of blocks. A free block keeps it until take() needs the block.
  const PrefixCache& prefixes() const { return prefixes_; }
  PrefixCache& prefixes() { return prefixes_; }

  // Returns a free block with a reference count of one: one without known content, else the one
  // that has been free for longest. There must be one.
  int32_t take();
  bool is_used(int32_t block) const { return users_[static_cast<size_t>(block)] > 0; }
  // Also of a free block with known content.
  void retain(int32_t block);
  // The block becomes free when its reference count reaches zero. Of blocks that lose their last
  // reference together, release the last of the sequence first.
  void release(int32_t block);
  // Copies keys and values of all layers; on a GPU in one launch.
  void copy(int32_t from, int32_t to);

 private:
  torch::Tensor cache_;                        // [layers, 2, blocks, Hkv, P, D], keys and values
  std::vector<KeyValueBlocks::Layer> layers_;  // views
  std::vector<int32_t> users_;                 // reference count of each block
  // Without known content. LIFO: the last block freed is still in the CPU cache.
  std::vector<int32_t> free_;
  PrefixCache prefixes_;
  // Free, with known content: by the time of their release, counted in releases.
  std::map<uint64_t, int32_t> idle_;
  std::vector<uint64_t> released_;  // key of each block in idle_
  uint64_t num_releases_ = 0;
};

}  // namespace retmask
