#include "sharded_parameters.h"

#include <algorithm>

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

// bits of the float32 = upper * 2^16 + lower, all signed: a lower half of 2^15 or more counts as
// negative and the upper half is one larger, which rounds it to nearest.
void split_float32(const torch::Tensor& values,
                   const torch::Tensor& upper,
                   const torch::Tensor& lower) {
  const torch::Tensor bits = values.view(torch::kInt32);
  const torch::Tensor low = bits.to(torch::kInt16);  // the low 16 bits
  upper.view(torch::kInt16).copy_((bits - low).bitwise_right_shift_(16));
  if (lower.defined()) lower.copy_(low);
}

torch::Tensor join_float32(const torch::Tensor& upper, const torch::Tensor& lower) {
  torch::Tensor bits = upper.view(torch::kInt16).to(torch::kInt32);
  return bits.bitwise_left_shift_(16).add_(lower).view(torch::kFloat32);
}

namespace {

// Frees or reallocates a tensor's memory; the views on it keep their shape.
void resize_memory(const torch::Tensor& tensor, bool present) {
  c10::StorageImpl& storage = *tensor.storage().unsafeGetStorageImpl();
  const size_t bytes = present ? tensor.numel() * tensor.element_size() : 0;
  storage.set_data_ptr_noswap(present ? storage.allocator()->allocate(bytes)
                                      : c10::DataPtr(nullptr, tensor.device()));
  storage.set_nbytes(bytes);
}

// Calls visit(parameter, first element in it, first element in the slice, count) for each overlap
// of the unit's parameters with begin .. end.
template <typename Visit>
void for_each_overlap(const ParameterUnit& unit, int64_t begin, int64_t end, const Visit& visit) {
  for (const UnitParameter& parameter : unit.parameters) {
    const int64_t first = std::max(begin, parameter.offset);
    const int64_t last = std::min(end, parameter.end());
    if (first < last) visit(parameter, first - parameter.offset, first - begin, last - first);
  }
}

}  // namespace

ShardedParameters::ShardedParameters(const NamedTensors& parameters,
                                     distributed::ProcessGroup& group,
                                     int64_t stage,
                                     torch::Device device,
                                     const ReadWeights& read)
    : group_(group),
      stage_(stage),
      device_(device),
      dtype_(parameters.front().second.scalar_type()) {
  RETMASK_CHECK(0 <= stage && stage <= 3);
  RETMASK_CHECK(dtype_ == torch::kFloat32 || dtype_ == torch::kBFloat16);
  const torch::NoGradGuard no_grad;
  for (ParameterUnit& layout : make_units(parameters)) {
    units_.emplace_back().layout = std::move(layout);
    make_unit(units_.size() - 1, read);
  }
  tied_ = units_.back().layout.parameters.back().name != "lm_head.weight";
}

void ShardedParameters::make_unit(size_t i, const ReadWeights& read) {
  Unit& unit = units_[i];
  const int64_t length = unit.layout.slice_length(group_.size());
  const auto options = torch::TensorOptions(dtype_).device(device_);
  unit.values = torch::empty({group_.size() * length}, options);
  if (stage_ == 3) {
    unit.slice = torch::empty({length}, options);
  } else {
    unit.slice = stage_ == 0 ? unit.values : unit.values.narrow(0, group_.rank() * length, length);
    unit.gathered = true;
  }
  if (dtype_ == torch::kBFloat16) {
    unit.lower = torch::empty(unit.slice.sizes(), options.dtype(torch::kInt16));
  }
  load(i, read);
  for (UnitParameter& parameter : unit.layout.parameters) {
    RETMASK_CHECK(parameter.tensor.scalar_type() == dtype_, parameter.name);
    const torch::Tensor view = unit.values.narrow(0, parameter.offset, parameter.tensor.numel());
    parameter.tensor.set_data(view.view(parameter.tensor.sizes()));
  }
  if (stage_ == 3) resize_memory(unit.values, /*present=*/false);
}

void ShardedParameters::load(size_t i, const ReadWeights& read) {
  const Unit& unit = units_[i];
  const int64_t length = unit.slice.size(0);
  const int64_t own_begin = begin(i);
  const torch::Tensor& kept = stage_ == 3 ? unit.slice : unit.values;
  const int64_t kept_begin = stage_ == 3 ? own_begin : 0;
  const auto options = torch::TensorOptions(torch::kFloat32).device(device_);
  // Slices are cut into chunks, so a chunk never crosses a slice.
  for (int64_t slice = 0; slice < kept.size(0); slice += length) {
    for (int64_t from = slice; from < slice + length; from += chunk_length()) {
      const int64_t count = std::min(chunk_length(), slice + length - from);
      const torch::Tensor network = kept.narrow(0, from, count);
      const bool is_network = dtype_ == torch::kFloat32;
      const torch::Tensor chunk = is_network ? network.zero_() : torch::zeros({count}, options);
      const int64_t first_element = kept_begin + from;
      for_each_overlap(
          unit.layout,
          first_element,
          first_element + count,
          [&](const UnitParameter& parameter, int64_t first, int64_t to, int64_t elements) {
            read(parameter.name, first, chunk.narrow(0, to, elements));
          });
      if (is_network) continue;
      const bool is_own = own_begin <= first_element && first_element < own_begin + length;
      split_float32(
          chunk,
          network,
          is_own ? unit.lower.narrow(0, first_element - own_begin, count) : torch::Tensor());
    }
  }
}

int64_t ShardedParameters::begin(size_t i) const {
  return stage_ == 0 ? 0 : group_.rank() * units_[i].slice.size(0);
}

// Small on a CPU, so that copies stay in cache; large on a GPU, to keep all of it busy.
int64_t ShardedParameters::chunk_length() const {
  return int64_t{1} << (device_.is_cpu() ? 18 : 24);
}

torch::Tensor ShardedParameters::weights(size_t i, int64_t offset, int64_t count) const {
  const Unit& unit = units_[i];
  const torch::Tensor slice = unit.slice.narrow(0, offset, count);
  return unit.lower.defined() ? join_float32(slice, unit.lower.narrow(0, offset, count)) : slice;
}

torch::Tensor ShardedParameters::weights(size_t i) const {
  const Unit& unit = units_[i];
  if (!unit.lower.defined()) return unit.slice;
  const torch::Tensor all = torch::empty_like(unit.slice, torch::kFloat32);
  for (int64_t begin = 0; begin < length(i); begin += chunk_length()) {
    const int64_t count = std::min(chunk_length(), length(i) - begin);
    all.narrow(0, begin, count).copy_(weights(i, begin, count));
  }
  return all;
}

void ShardedParameters::set_weights(size_t i, int64_t offset, const torch::Tensor& weights) {
  const Unit& unit = units_[i];
  if (!unit.lower.defined()) return;
  const int64_t count = weights.size(0);
  split_float32(weights, unit.slice.narrow(0, offset, count), unit.lower.narrow(0, offset, count));
}

void ShardedParameters::publish() {
  const torch::NoGradGuard no_grad;
  if (stage_ != 1 && stage_ != 2) return;
  for (size_t i = 0; i < units_.size(); ++i) {
    if (i > kMostInFlight) units_[i - kMostInFlight - 1].gathering.wait();
    units_[i].gathering = group_.all_gather(units_[i].values, units_[i].slice);
  }
  for (Unit& unit : units_) unit.gathering.wait();
}

torch::Tensor ShardedParameters::gather(size_t i) {
  const torch::Tensor own = weights(i);
  if (stage_ == 0 || group_.size() == 1) return own;
  const torch::Tensor all = torch::empty({group_.size() * own.size(0)}, own.options());
  group_.all_gather(all, own).wait();
  return all;
}

void ShardedParameters::gather(int64_t part, Pass pass) {
  if (stage_ != 3) return;
  const auto i = static_cast<size_t>(part);
  const size_t last = units_.size() - 1;
  RETMASK_CHECK(i <= last);
  if (pass == Pass::forward) {
    if (i == 0) drop_head();
    need(i);
    if (i == last && tied_) need(0);
    if (i < last) start_gathering(units_[i + 1]);
    return;
  }
  if (i + 1 == last) drop_head();
  need(i);
  if (i > 1) start_gathering(units_[i - 1]);
}

void ShardedParameters::release(int64_t part, Pass) {
  if (stage_ == 3) drop(static_cast<size_t>(part));
}

void ShardedParameters::start_gathering(Unit& unit) {
  if (unit.gathered) return;
  resize_memory(unit.values, /*present=*/true);
  unit.gathering = group_.all_gather(unit.values, unit.slice);
  unit.gathered = true;
}

void ShardedParameters::need(size_t i) {
  start_gathering(units_[i]);
  units_[i].gathering.wait();
}

void ShardedParameters::drop(size_t i) {
  if (!units_[i].gathered) return;
  units_[i].gathering.wait();
  resize_memory(units_[i].values, /*present=*/false);
  units_[i].gathered = false;
}

void ShardedParameters::drop_head() {
  drop(units_.size() - 1);
  drop(0);
}

}  // namespace retmask::train
