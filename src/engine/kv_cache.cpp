#include "kv_cache.h"

#include <algorithm>

namespace retmask {
namespace {

torch::Tensor grown(const torch::Tensor& old, int64_t used, int64_t capacity) {
  torch::Tensor larger = torch::empty({capacity, old.size(1), old.size(2)}, old.options());
  larger.narrow(0, 0, used).copy_(old.narrow(0, 0, used));
  return larger;
}

}  // namespace

SequenceCache::SequenceCache(const ModelConfig& config,
                             torch::TensorOptions options,
                             int64_t capacity)
    : layers_(config.layers.size()) {
  for (Layer& layer : layers_) {
    layer.keys = torch::empty({capacity, config.num_key_value_heads, config.head_dim}, options);
    layer.values = torch::empty_like(layer.keys);
  }
}

KeyValueStore::Keys SequenceCache::append(int64_t layer,
                                          const torch::Tensor& keys,
                                          const torch::Tensor& values) {
  Layer& own = layers_[static_cast<size_t>(layer)];
  const int64_t total = length_ + keys.size(0);
  if (total > own.keys.size(0)) {
    const int64_t capacity = std::max(total, 2 * own.keys.size(0));
    own.keys = grown(own.keys, length_, capacity);
    own.values = grown(own.values, length_, capacity);
  }
  own.keys.narrow(0, length_, keys.size(0)).copy_(keys);
  own.values.narrow(0, length_, values.size(0)).copy_(values);
  if (layer + 1 == static_cast<int64_t>(layers_.size())) length_ = total;
  return {own.keys.narrow(0, 0, total), own.values.narrow(0, 0, total)};
}

}  // namespace retmask
