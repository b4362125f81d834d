#pragma once
// From gradients to new weights: accumulation and clipping in float32, AdamW with float32 master
// weights.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "retmask/train/options.h"

namespace retmask::train {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// The sum of the gradients of several backward passes, in float32 whatever the parameters' dtype.
class GradientBuffer {
 public:
  // `parameters` are the model's own tensors, which autograd gives a .grad.
  explicit GradientBuffer(NamedTensors parameters);

  // After each backward pass: takes what it left in .grad.
  void collect();
  // L2 norm over all parameters together.
  double norm() const;
  // Scales by max_norm / (norm + 1e-6) when that is below 1. Source:
  // torch.nn.utils.clip_grad_norm_.
  void clip(double norm, double max_norm);
  // Float32, in the parameters' order.
  const std::vector<torch::Tensor>& gradients() const { return gradients_; }
  // Starts the next sum.
  void reset();

 private:
  NamedTensors parameters_;
  std::vector<torch::Tensor> gradients_;
};

// AdamW (Loshchilov & Hutter 2019) on libtorch's fused kernel. Weights decay except for norms and
// biases, which are the one-dimensional parameters of these models, as transformers' Trainer does
// it.
class AdamW {
 public:
  // Parameters below float32 get a float32 copy that is updated in their place and rounded back
  // after each step.
  AdamW(NamedTensors parameters, const TrainOptions& options);

  // `gradients` in the parameters' order, float32.
  void step(const std::vector<torch::Tensor>& gradients, double learning_rate);

  int64_t steps_taken() const { return steps_taken_; }
  // Everything but the step count, by name: "weight.<parameter>", "exp_avg.<parameter>",
  // "exp_avg_sq.<parameter>". The tensors are the optimizer's own.
  NamedTensors state() const;
  // After a checkpoint was copied into state(): sets the count and rounds the weights into the
  // model.
  void restored(int64_t steps_taken);
  // The float32 weights in the parameters' order.
  const std::vector<torch::Tensor>& weights() const { return weights_; }

 private:
  // Parameters that share a weight decay.
  struct Group {
    std::vector<size_t> members;
    double weight_decay = 0;
  };
  void write_back();

  NamedTensors parameters_;
  std::vector<torch::Tensor> weights_;  // float32: the parameters themselves or their masters
  std::vector<torch::Tensor> exp_avg_;
  std::vector<torch::Tensor> exp_avg_sq_;
  Group decayed_;
  Group undecayed_;
  double beta1_;
  double beta2_;
  double eps_;
  int64_t steps_taken_ = 0;
};

}  // namespace retmask::train
