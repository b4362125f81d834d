#pragma once
// The weights of a training run, sharded by ZeRO stage (Rajbhandari et al. 2020).
//
//   stage  network's weights   float32 weights (1), moments   gradients
//   0      whole               whole                          whole
//   1      whole               slice                          whole
//   2      whole               slice                          slice
//   3      slice (2)           slice                          slice
//
// (1) A bfloat16 network's weights are their upper halves (split_float32); a float32 network uses
//     the same memory.
// (2) A unit's weights are gathered while in use; the next unit's are prefetched.
//
// A unit is what is gathered, reduced and sliced together: the embedding, a decoder layer, the
// head.

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "retmask/distributed/process_group.h"
#include "retmask/model/weight_gatherer.h"

namespace retmask::train {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// Parameters and slices begin at multiples of this: GPUs read aligned rows faster, and sums over
// rows of this many elements do not depend on where a slice is cut.
inline constexpr int64_t kUnitAlignment = 64;  // elements

// Units in flight between ranks in addition to the current one. Each needs its own memory, also in
// Gloo, which reduces in copies.
inline constexpr size_t kMostInFlight = 2;

struct UnitParameter {
  std::string name;
  torch::Tensor tensor;  // the model's own
  int64_t offset = 0;    // of its first element in the unit

  int64_t end() const { return offset + tensor.numel(); }
};

// One unit is one flat vector: its parameters in order, with gaps of zeros between them.
struct ParameterUnit {
  std::string name;  // "model.layers.3"
  std::vector<UnitParameter> parameters;
  int64_t length = 0;  // elements, gaps included; a multiple of kUnitAlignment

  // Length of each of `ranks` even slices; together they may exceed the unit.
  int64_t slice_length(int64_t ranks) const;
};

// Units in the order of the forward pass, which is that of `parameters`: "model.embed_tokens"
// first, then each "model.layers.N", then the rest as "head".
std::vector<ParameterUnit> make_units(const NamedTensors& parameters);

// Float32 master weights for a bfloat16 network at 2 extra bytes per weight instead of 4: bfloat16
// is the upper half of float32, so the network's weights plus the lower 16 bits are the float32
// weights (as in Apex's DistributedFusedAdam with store_param_remainders). The upper half is
// rounded to nearest with ties away from zero; ties to even could not be undone.

// float32 [n] -> `upper` bfloat16 [n], `lower` int16 [n] (skipped if undefined).
void split_float32(const torch::Tensor& values,
                   const torch::Tensor& upper,
                   const torch::Tensor& lower);

// The exact inverse of split_float32: float32 [n].
torch::Tensor join_float32(const torch::Tensor& upper, const torch::Tensor& lower);

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
