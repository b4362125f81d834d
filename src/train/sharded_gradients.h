#pragma once
// The gradients of a step: summed in float32 over its backward passes and over the ranks, unit by
// unit while the backward pass is still going on below.

#include <deque>
#include <vector>

#include "retmask/distributed/process_group.h"
#include "sharded_parameters.h"

namespace retmask::train {

// Takes each gradient from the network as soon as autograd has it. Stages 0 and 1 keep a whole sum
// and reduce it in the last pass of the step; stages 2 and 3 keep this rank's slice and reduce each
// pass, so that all ranks must make the same number of passes. All of them reduce a unit when its
// last gradient has come: from the head down to the first layer during the pass, the embedding (to
// which tied weights add at both ends) after it.
class ShardedGradients {
 public:
  // Both outlive this object.
  ShardedGradients(ShardedParameters& parameters, distributed::ProcessGroup& group);
  ~ShardedGradients();
  ShardedGradients(const ShardedGradients&) = delete;
  ShardedGradients& operator=(const ShardedGradients&) = delete;

  // Forgets the sum, between two steps. On a CPU it gives the memory back: as long as a step of one
  // pass holds what it keeps for the backward pass, there are no gradients yet. A GPU's allocator
  // would not make one large block of several freed ones.
  void reset();
  // Around each backward pass; a pass without one adds zeros. `last` of the step on this rank.
  void start_pass(bool last);
  void finish_pass();

  // After the last pass, of all parameters together: L2. In float64, summed by rows that do not
  // depend on the number of ranks.
  double norm();
  // Scales by max_norm / (norm + 1e-6) when that is below 1. Source:
  // torch.nn.utils.clip_grad_norm_.
  void clip(double norm, double max_norm);
  // [n] float32, the elements of ShardedParameters::weights(i).
  torch::Tensor slice(size_t i) const;

 private:
  struct Unit {
    // float32, undefined until there is something in them.
    torch::Tensor sum;         // stages 0, 1: [ranks * n], stages 2, 3: [n]
    torch::Tensor partial;     // [ranks * n], of this pass; stages 2, 3
    std::vector<bool> filled;  // of each parameter: whether its part of whole() is set
    std::vector<bool> arrived;
    size_t missing = 0;
    bool reduced = false;
  };
  // A reduction of one pass on its way into the sum.
  struct InFlight {
    size_t unit;
    torch::Tensor result;  // [n]
    distributed::Pending pending;
  };
  class Hook;

  bool keeps_slices() const { return parameters_.stage() >= 2; }
  // What backward passes add to, sum or partial; made where it is not there.
  torch::Tensor& whole(size_t unit);
  void add(size_t unit, size_t index, const torch::Tensor& parameter);
  void clear_what_is_missing(size_t unit);
  void reduce_ready(bool all);
  void reduce(size_t unit);
  void settle_oldest();

  ShardedParameters& parameters_;
  distributed::ProcessGroup& group_;
  std::vector<Unit> units_;
  size_t next_ = 0;  // units that are not reduced yet in this pass: next_ - 1 down to 0
  bool last_pass_ = false;
  std::deque<InFlight> in_flight_;
};

}  // namespace retmask::train
