#include "block_pool.h"

#include "retmask/base/error.h"

namespace retmask {

int64_t BlockPool::block_bytes(const ModelConfig& config, torch::ScalarType dtype) {
  constexpr int64_t kKeysAndValues = 2;
  return kKeysAndValues * config.num_hidden_layers() * config.num_key_value_heads * kBlockSize *
         config.head_dim * static_cast<int64_t>(torch::elementSize(dtype));
}

BlockPool::BlockPool(const ModelConfig& config,
                     torch::TensorOptions options,
                     int64_t num_blocks,
                     bool reserve)
    : cache_(torch::empty({config.num_hidden_layers(),
                           2,
                           num_blocks,
                           config.num_key_value_heads,
                           kBlockSize,
                           config.head_dim},
                          options)),
      users_(static_cast<size_t>(num_blocks), 0),
      released_(static_cast<size_t>(num_blocks), 0) {
  if (reserve && cache_.is_cpu()) cache_.zero_();
  for (const torch::Tensor& layer : cache_.unbind(0)) layers_.push_back({layer[0], layer[1]});
  for (int64_t block = num_blocks; block-- > 0;) free_.push_back(static_cast<int32_t>(block));
}

int32_t BlockPool::take() {
  RETMASK_CHECK(num_free() > 0, "no free block");
  if (free_.empty()) {
    const int32_t oldest = idle_.begin()->second;
    idle_.erase(idle_.begin());
    prefixes_.forget(oldest);
    free_.push_back(oldest);
  }
  const int32_t block = free_.back();
  free_.pop_back();
  users_[static_cast<size_t>(block)] = 1;
  return block;
}

void BlockPool::retain(int32_t block) {
  const auto index = static_cast<size_t>(block);
  if (users_[index]++ == 0) idle_.erase(released_[index]);
}

void BlockPool::release(int32_t block) {
  const auto index = static_cast<size_t>(block);
  if (--users_[index] > 0) return;
  if (prefixes_.holds(block)) {
    released_[index] = num_releases_++;
    idle_.emplace(released_[index], block);
  } else {
    free_.push_back(block);
  }
}

void BlockPool::copy(int32_t from, int32_t to) {
  cache_.select(2, to).copy_(cache_.select(2, from));
}

}  // namespace retmask
