#pragma once
// A model's parameters in groups that are gathered, reduced and cut into slices together: the
// embedding, each decoder layer, the head.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retmask::train {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// Parameters and slices begin at multiples of it: GPUs read aligned rows faster, and sums that go
// by rows of so many elements do not depend on where a slice is cut.
inline constexpr int64_t kUnitAlignment = 64;  // elements

// Units on their way between ranks behind the one at work: each takes memory of its own, also in
// Gloo, which sums in copies.
inline constexpr size_t kMostInFlight = 2;

struct UnitParameter {
  std::string name;
  torch::Tensor tensor;  // the model's own
  int64_t offset = 0;    // of its first element in the unit

  int64_t end() const { return offset + tensor.numel(); }
};

// One unit is one flat vector: its parameters one after the other, with gaps of zeros between them.
struct ParameterUnit {
  std::string name;  // "model.layers.3"
  std::vector<UnitParameter> parameters;
  int64_t length = 0;  // elements, gaps included; a multiple of kUnitAlignment

  // Of each of `ranks` even slices; together they may be longer than the unit.
  int64_t slice_length(int64_t ranks) const;
};

// In the order of the forward pass, which is that of `parameters`: "model.embed_tokens" first, then
// each "model.layers.N", then the rest as "head".
std::vector<ParameterUnit> make_units(const NamedTensors& parameters);

}  // namespace retmask::train
