#include "parameter_units.h"

#include "retmask/base/error.h"

namespace retmask::train {
namespace {

constexpr const char* kEmbedding = "model.embed_tokens";
constexpr const char* kLayers = "model.layers.";
constexpr const char* kHead = "head";

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

std::string unit_of(const std::string& parameter) {
  if (parameter.starts_with(kEmbedding)) return kEmbedding;
  if (!parameter.starts_with(kLayers)) return kHead;
  return parameter.substr(0, parameter.find('.', std::char_traits<char>::length(kLayers)));
}

}  // namespace

int64_t ParameterUnit::slice_length(int64_t ranks) const {
  return round_up(length, kUnitAlignment * ranks) / ranks;
}

std::vector<ParameterUnit> make_units(const NamedTensors& parameters) {
  std::vector<ParameterUnit> units;
  for (const auto& [name, tensor] : parameters) {
    const std::string unit_name = unit_of(name);
    if (units.empty() || units.back().name != unit_name) {
      for (const ParameterUnit& unit : units) {
        RETMASK_CHECK(unit.name != unit_name, name, " is separated from the rest of ", unit_name);
      }
      units.push_back({.name = unit_name, .parameters = {}});
    }
    ParameterUnit& unit = units.back();
    unit.parameters.push_back({.name = name, .tensor = tensor, .offset = unit.length});
    unit.length = round_up(unit.parameters.back().end(), kUnitAlignment);
  }
  return units;
}

}  // namespace retmask::train
