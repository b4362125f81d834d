#pragma once
// Keys and values of the sequences that are being generated.

#include <torch/torch.h>

#include <vector>

#include "retmask/model/attention.h"

namespace retmask {

// The cache of one sequence: per layer [capacity, Hkv, D] for keys and for values, doubled when
// full.
class SequenceCache {
 public:
  SequenceCache(const ModelConfig& config, torch::TensorOptions options, int64_t capacity);

  KeyValueStore::Keys append(int64_t layer, const torch::Tensor& keys, const torch::Tensor& values);
  int64_t length() const { return length_; }

 private:
  struct Layer {
    torch::Tensor keys;
    torch::Tensor values;
  };
  std::vector<Layer> layers_;
  int64_t length_ = 0;  // tokens that all layers hold
};

// The caches of one step's sequences, in the order of its batch.
class BatchCache : public KeyValueStore {
 public:
  explicit BatchCache(std::vector<SequenceCache*> sequences) : sequences_(std::move(sequences)) {}
  Keys update(int64_t layer,
              int64_t sequence,
              const torch::Tensor& keys,
              const torch::Tensor& values) override {
    return sequences_[static_cast<size_t>(sequence)]->append(layer, keys, values);
  }

 private:
  std::vector<SequenceCache*> sequences_;
};

}  // namespace retmask
