#pragma once
// Where the weights of a training run lie: ZeRO's stages (Rajbhandari et al. 2020).
//
//   stage  network's weights   float32 weights, moments   gradients
//   0      whole               whole                      whole
//   1      whole               slice                      whole
//   2      whole               slice                      slice
//   3      slice (1)           slice                      slice
//
// (1) A unit's weights are gathered while they are in use, the next one's at the same time.

#include <functional>
#include <vector>

#include "parameter_units.h"
#include "retmask/distributed/process_group.h"
#include "retmask/model/weight_lender.h"

namespace retmask::train {

// Fills `into` (1-D, float32 or the network's dtype) with the elements of a parameter from `begin`
// on.
using ReadWeights =
    std::function<void(const std::string& name, int64_t begin, const torch::Tensor& into)>;

class ShardedParameters : public WeightLender {
 public:
  // Gives the parameters memory in one flat vector per unit, on `device`, with values from `read`:
  // each rank asks for what it keeps, and in float32 for what its optimizer works on, so that
  // nothing of a float32 checkpoint is rounded away. What memory they had is left. `group` outlives
  // this object, and in stage 3 this object outlives the model's use.
  ShardedParameters(const NamedTensors& parameters,
                    distributed::ProcessGroup& group,
                    int64_t stage,
                    torch::Device device,
                    const ReadWeights& read);

  int64_t stage() const { return stage_; }
  torch::Device device() const { return device_; }
  size_t num_units() const { return units_.size(); }
  const ParameterUnit& unit(size_t i) const { return units_[i].layout; }

  // This rank's part of a unit: elements begin .. begin + weights.size(0).
  int64_t begin(size_t i) const;
  // [n] float32: what the optimizer works on. In float32 it is the network's own memory.
  const torch::Tensor& weights(size_t i) const { return units_[i].weights; }

  // After the optimizer wrote into the weights: rounds them into the network on every rank.
  void publish();
  // All of a unit's float32 weights: [length] or longer. Every rank calls it for the same unit.
  torch::Tensor gather(size_t i);

  // Stage 3; in the other stages nobody needs to ask.
  void lend(int64_t part, Pass pass) override;
  void take_back(int64_t part, Pass pass) override;

 private:
  struct Unit {
    ParameterUnit layout;
    torch::Tensor values;   // [ranks * slice], the network's dtype; stage 3: empty unless lent
    torch::Tensor slice;    // what this rank gives to the others; a part of values but in stage 3
    torch::Tensor weights;  // float32 of `slice`; the same memory where that is float32
    bool gathered = false;
    distributed::Pending gathering;
  };

  void make_unit(Unit& unit, const ReadWeights& read);
  void start_gathering(Unit& unit);
  void need(size_t i);
  void drop(size_t i);
  void drop_head();

  distributed::ProcessGroup& group_;
  int64_t stage_;
  torch::Device device_;
  std::vector<Unit> units_;
  bool tied_ = false;  // the embedding is the head's matrix too
};

}  // namespace retmask::train
