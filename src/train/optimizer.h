#pragma once
// From gradients to new weights: AdamW on this rank's part of the float32 weights.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/train/options.h"
#include "sharded_gradients.h"
#include "sharded_parameters.h"

namespace retmask::train {

// AdamW (Loshchilov & Hutter 2019) on libtorch's fused kernel. Weights decay except for norms and
// biases, which are the one-dimensional parameters of these models, as transformers' Trainer does
// it.
class AdamW {
 public:
  // `parameters` outlives this object.
  AdamW(ShardedParameters& parameters, const TrainOptions& options);

  // Updates the float32 weights, then the network's on all ranks.
  void step(const ShardedGradients& gradients, double learning_rate);

  int64_t steps_taken() const { return steps_taken_; }
  // This rank's part of a unit's state: "weight", "exp_avg", "exp_avg_sq", each [n] float32. The
  // tensors are the optimizer's own.
  NamedTensors state(size_t unit) const;
  const ShardedParameters& parameters() const { return parameters_; }
  // After a checkpoint was copied into the states: sets the count and rounds the weights into the
  // network.
  void restored(int64_t steps_taken);

 private:
  // What of a parameter this rank updates.
  struct Piece {
    size_t unit;
    int64_t begin;  // in the unit's slice
    int64_t length;
  };
  // Pieces that share a weight decay.
  struct Group {
    std::vector<Piece> pieces;
    double weight_decay = 0;
  };
  void step(const Group& group, const ShardedGradients& gradients, double learning_rate);

  ShardedParameters& parameters_;
  std::vector<torch::Tensor> exp_avg_;  // of each unit
  std::vector<torch::Tensor> exp_avg_sq_;
  Group decayed_;
  Group undecayed_;
  double beta1_;
  double beta2_;
  double eps_;
  int64_t steps_taken_ = 0;
};

}  // namespace retmask::train
