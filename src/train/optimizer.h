#pragma once
// From gradients to new weights: AdamW on this rank's part of the float32 weights.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "retmask/train/options.h"
#include "sharded_gradients.h"
#include "sharded_parameters.h"

namespace retmask::train {

inline constexpr std::array kStateNames = {"weight", "exp_avg", "exp_avg_sq"};

// AdamW (Loshchilov & Hutter 2019) on libtorch's fused kernel, or on ours for weights in halves on
// a CPU. Weights decay except for norms and biases, which are the one-dimensional parameters of
// these models, as transformers' Trainer does it.
class AdamW {
 public:
  // `parameters` outlives this object.
  AdamW(ShardedParameters& parameters, const TrainOptions& options);

  // Updates the float32 weights, then the network's on all ranks.
  void step(const ShardedGradients& gradients, double learning_rate);

  int64_t steps_taken() const { return steps_taken_; }
  // This rank's part of a unit's state by kStateNames, each [n] float32, to be written into and put
  // back: the moments are the optimizer's own memory, the weights as ShardedParameters::weights().
  NamedTensors state(size_t unit) const;
  void put_back(size_t unit, const NamedTensors& state);
  const ShardedParameters& parameters() const { return parameters_; }
  // After a checkpoint's states were put back: sets the count and tells the other ranks' networks.
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
  // What goes into a piece's weights, [length] float32 each.
  struct Update {
    torch::Tensor gradient;
    torch::Tensor exp_avg;
    torch::Tensor exp_avg_sq;
    double learning_rate = 0;
    double weight_decay = 0;
  };
  void step(const Group& group, const ShardedGradients& gradients, double learning_rate);
  void step_chunks(const Piece& piece, const Update& update);
  // In one go over the memory, on a CPU; step_chunks would go over it twice.
  void step_halves(const torch::Tensor& upper, const torch::Tensor& lower, const Update& update);

  ShardedParameters& parameters_;
  std::vector<torch::Tensor> exp_avg_;  // of each unit
  std::vector<torch::Tensor> exp_avg_sq_;
  Group decayed_;
  Group undecayed_;
  double beta1_;
  double beta2_;
  double eps_;
  int64_t steps_taken_ = 0;
  torch::Tensor step_count_;  // the same for libtorch's kernel: float32, where the weights are
};

}  // namespace retmask::train
