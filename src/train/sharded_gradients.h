#pragma once
// The gradients of a step: summed in float32 over its micro-batches and over the ranks, unit by
// unit, overlapping the reduction with the backward pass of earlier layers.

#include <deque>
#include <vector>

#include "retmask/distributed/process_group.h"
#include "sharded_parameters.h"

namespace retmask::train {

// Takes each gradient from the network as soon as autograd has it. Stages 0 and 1 keep a whole sum
// and reduce it in the last micro-batch of the step; stages 2 and 3 keep this rank's slice and
// reduce after each micro-batch, so all ranks must run the same number of them. A unit is reduced
// once its last gradient has arrived: from the head down to the first layer during the backward
// pass, the embedding (which gets gradients at both ends if weights are tied) after it.
class ShardedGradients {
 public:
  // Both outlive this object.
  ShardedGradients(ShardedParameters& parameters, distributed::ProcessGroup& group);
  ~ShardedGradients();
  ShardedGradients(const ShardedGradients&) = delete;
  ShardedGradients& operator=(const ShardedGradients&) = delete;

  // Clears the sum between two steps. On a CPU it also frees the memory: in a step of one
  // micro-batch, gradients appear only as activations are released, so the two share the memory. A
  // GPU's allocator would not merge several freed blocks into a large one.
  void reset();
  // Called before and after each micro-batch; one without a backward pass adds zeros. `last`: the
  // last micro-batch of the step on this rank.
  void start_pass(bool last);
  void finish_pass();

  // L2 norm over all parameters, after the last micro-batch. In float64, summed by rows that do not
  // depend on the number of ranks.
  double norm();
  // Scales by max_norm / (norm + 1e-6) when that is below 1. Source:
  // torch.nn.utils.clip_grad_norm_.
  void clip(double norm, double max_norm);
  // [n] float32, the elements of ShardedParameters::weights(i).
  torch::Tensor slice(size_t i) const;

 private:
  struct Unit {
    // float32, undefined until first used.
    torch::Tensor sum;         // stages 0, 1: [ranks * n], stages 2, 3: [n]
    torch::Tensor partial;     // [ranks * n], of this micro-batch; stages 2, 3
    std::vector<bool> filled;  // per parameter: whether its part of whole() is set
    std::vector<bool> arrived;
    size_t missing = 0;
    bool reduced = false;
  };
  // A reduction under way, to be added to the sum.
  struct InFlight {
    size_t unit;
    torch::Tensor result;  // [n]
    distributed::Pending pending;
  };
  class Hook;

  bool keeps_slices() const { return parameters_.stage() >= 2; }
  // The buffer that backward passes add to, sum or partial; allocated on first use.
  torch::Tensor& whole(size_t unit);
  void add(size_t unit, size_t index, const torch::Tensor& parameter);
  void clear_what_is_missing(size_t unit);
  void reduce_ready(bool all);
  void reduce(size_t unit);
  void settle_oldest();

  ShardedParameters& parameters_;
  distributed::ProcessGroup& group_;
  std::vector<Unit> units_;
  size_t next_ = 0;  // units not yet reduced in this micro-batch: next_ - 1 down to 0
  bool last_pass_ = false;
  std::deque<InFlight> in_flight_;
};

}  // namespace retmask::train
