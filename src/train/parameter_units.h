#pragma once
// A model's parameters in units that are gathered, reduced and sliced together: the embedding, each
// decoder layer, the head.

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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

}  // namespace retmask::train
