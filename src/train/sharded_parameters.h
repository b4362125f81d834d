#pragma once
// The weights of a training run, sharded by ZeRO stage (Rajbhandari et al. 2020).
//
//   stage  network's weights   float32 weights (1), moments   gradients
//   0      whole               whole                          whole
//   1      whole               slice                          whole
//   2      whole               slice                          slice
//   3      slice (2)           slice                          slice
//
// (1) A bfloat16 network's weights are their upper halves (float32_halves.h); a float32 network
//     uses the same memory.
// (2) A unit's weights are gathered while in use; the next unit's are prefetched.

#include <functional>
#include <vector>

#include "parameter_units.h"
#include "retmask/distributed/process_group.h"
#include "retmask/model/weight_gatherer.h"

namespace retmask::train {

// Fills `into` (float32 [n]) with the elements of a parameter from `begin` on.
using ReadWeights =
    std::function<void(const std::string& name, int64_t begin, const torch::Tensor& into)>;

class ShardedParameters : public WeightGatherer {
 public:
  // Moves the parameters (float32 or bfloat16) into one flat vector per unit on `device`, with
  // values from `read`; each rank reads what it keeps. Their previous memory is dropped. `group`
  // outlives this object, and in stage 3 this object must live as long as the model is used.
  ShardedParameters(const NamedTensors& parameters,
                    distributed::ProcessGroup& group,
                    int64_t stage,
                    torch::Device device,
                    const ReadWeights& read);

  int64_t stage() const { return stage_; }
  torch::Device device() const { return device_; }
  size_t num_units() const { return units_.size(); }
  const ParameterUnit& unit(size_t i) const { return units_[i].layout; }

  // The part of a unit that this rank keeps in float32 for the optimizer: elements begin .. begin +
  // length.
  int64_t begin(size_t i) const;
  int64_t length(size_t i) const { return units_[i].slice.size(0); }
  // `count` of them from `offset`, float32 [count]. To update them, write into the tensor and pass
  // it to set_weights: it is the network's own memory if that is float32, otherwise a copy.
  torch::Tensor weights(size_t i, int64_t offset, int64_t count) const;
  torch::Tensor weights(size_t i) const;
  void set_weights(size_t i, int64_t offset, const torch::Tensor& weights);
  // Their storage: the network's own memory, and for a bfloat16 network the lower halves (otherwise
  // undefined). Both [length(i)].
  const torch::Tensor& slice(size_t i) const { return units_[i].slice; }
  const torch::Tensor& lower(size_t i) const { return units_[i].lower; }
  // Elements to process at once, so that copies stay small.
  int64_t chunk_length() const;
  // Sends the updated weights to the other ranks; call it after the last set_weights.
  void publish();

  // All float32 weights of a unit: [length] or longer. Collective, for the same unit on every rank.
  torch::Tensor gather(size_t i);

  // Do nothing unless in stage 3.
  void gather(int64_t part, Pass pass) override;
  void release(int64_t part, Pass pass) override;

 private:
  struct Unit {
    ParameterUnit layout;
    torch::Tensor values;  // [ranks * slice], the network's dtype; stage 3: empty unless gathered
    torch::Tensor slice;   // what this rank keeps in float32; a view of values except in stage 3
    torch::Tensor lower;   // [slice] int16: the lower halves, if the network is bfloat16
    bool gathered = false;
    distributed::Pending gathering;
  };

  void make_unit(size_t i, const ReadWeights& read);
  void load(size_t i, const ReadWeights& read);
  void start_gathering(Unit& unit);
  void need(size_t i);
  void drop(size_t i);
  void drop_head();

  distributed::ProcessGroup& group_;
  int64_t stage_;
  torch::Device device_;
  torch::ScalarType dtype_;  // the network's
  std::vector<Unit> units_;
  bool tied_ = false;  // the embedding is also the head's matrix
};

}  // namespace retmask::train
