#pragma once
// The learning rate schedule, and AdamW on this rank's part of the float32 weights.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "retmask/train/options.h"
#include "sharded_gradients.h"
#include "sharded_parameters.h"

namespace retmask::train {

// Steps of the linear rise: ceil(ratio * total_steps).
int64_t warmup_steps(const Options& options, int64_t total_steps);

// The rate of step 0 .. total_steps - 1: a linear rise from 0 (the very first step has rate 0),
// then half a cosine down to min_learning_rate. Source: transformers
// get_cosine_with_min_lr_schedule_with_warmup.
double learning_rate_at(const Options& options, int64_t step, int64_t total_steps);

inline constexpr std::array kStateNames = {"weight", "exp_avg", "exp_avg_sq"};

// AdamW (Loshchilov & Hutter 2019) with libtorch's fused kernel, or with ours for split weights
// (split_float32) on a CPU. Norms and biases, the one-dimensional parameters of these models, do
// not decay, as in transformers' Trainer.
class AdamW {
 public:
  // `parameters` outlives this object.
  AdamW(ShardedParameters& parameters, const Options& options);

  // Updates the float32 weights, then the network's weights on all ranks.
  void step(const ShardedGradients& gradients, double learning_rate);

  int64_t steps_taken() const { return steps_taken_; }
  // This rank's part of a unit's state, named by kStateNames, each [n] float32. To restore a state,
  // write into these tensors and call put_back: the moments are the optimizer's own memory, the
  // weights are as in ShardedParameters::weights().
  NamedTensors state(size_t unit) const;
  void put_back(size_t unit, const NamedTensors& state);
  const ShardedParameters& parameters() const { return parameters_; }
  // Call after put_back of all units: sets the step count and sends the weights to the other ranks.
  void restored(int64_t steps_taken);

 private:
  // The part of a parameter that this rank updates.
  struct Piece {
    size_t unit;
    int64_t begin;  // in the unit's slice
    int64_t length;
  };
  // Pieces with the same weight decay.
  struct Group {
    std::vector<Piece> pieces;
    double weight_decay = 0;
  };
  // Inputs of the update of a piece, [length] float32 each.
  struct Update {
    torch::Tensor gradient;
    torch::Tensor exp_avg;
    torch::Tensor exp_avg_sq;
    double learning_rate = 0;
    double weight_decay = 0;
  };
  void step(const Group& group, const ShardedGradients& gradients, double learning_rate);
  void step_chunks(const Piece& piece, const Update& update);
  // Reads the memory once, on a CPU; step_chunks would read it twice.
  void step_halves(const torch::Tensor& upper, const torch::Tensor& lower, const Update& update);

  ShardedParameters& parameters_;
  std::vector<torch::Tensor> exp_avg_;  // per unit
  std::vector<torch::Tensor> exp_avg_sq_;
  Group decayed_;
  Group undecayed_;
  double beta1_;
  double beta2_;
  double eps_;
  int64_t steps_taken_ = 0;
  torch::Tensor step_count_;  // steps_taken_ for libtorch's kernel: float32, on the same device
};

}  // namespace retmask::train
