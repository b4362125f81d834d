#include "sharded_parameters.h"

#include <algorithm>

#include "retmask/base/error.h"

namespace retmask::train {
namespace {

// Gives a tensor's memory back, or takes it again, while the views on it keep their shape.
void resize_memory(const torch::Tensor& tensor, bool present) {
  c10::StorageImpl& storage = *tensor.storage().unsafeGetStorageImpl();
  const size_t bytes = present ? tensor.numel() * tensor.element_size() : 0;
  storage.set_data_ptr_noswap(present ? storage.allocator()->allocate(bytes)
                                      : c10::DataPtr(nullptr, tensor.device()));
  storage.set_nbytes(bytes);
}

// Calls visit(parameter, first element in it, first element in the slice, count) for what of the
// unit's parameters lies in begin .. end.
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
    : group_(group), stage_(stage), device_(device) {
  RETMASK_CHECK(0 <= stage && stage <= 3);
  for (ParameterUnit& layout : make_units(parameters)) {
    units_.emplace_back().layout = std::move(layout);
    make_unit(units_.back(), read);
  }
  tied_ = units_.back().layout.parameters.back().name != "lm_head.weight";
}

void ShardedParameters::make_unit(Unit& unit, const ReadWeights& read) {
  const torch::NoGradGuard no_grad;
  const int64_t length = unit.layout.slice_length(group_.size());
  const torch::ScalarType dtype = unit.layout.parameters.front().tensor.scalar_type();
  const auto options = torch::TensorOptions(dtype).device(device_);
  unit.values = torch::empty({group_.size() * length}, options);
  const int64_t first = stage_ == 0 ? 0 : group_.rank() * length;
  const auto fill = [&](const torch::Tensor& part, int64_t begin) {
    part.zero_();
    for_each_overlap(unit.layout,
                     begin,
                     begin + part.size(0),
                     [&](const UnitParameter& parameter, int64_t from, int64_t to, int64_t count) {
                       read(parameter.name, from, part.narrow(0, to, count));
                     });
  };
  if (stage_ == 3) {
    unit.slice = torch::empty({length}, options);
    fill(unit.slice, first);
  } else {
    fill(unit.values, 0);
    unit.slice = stage_ == 0 ? unit.values : unit.values.narrow(0, first, length);
    unit.gathered = true;
  }
  if (dtype == torch::kFloat32) {
    unit.weights = unit.slice;
  } else {
    unit.weights = torch::empty_like(unit.slice, torch::kFloat32);
    fill(unit.weights, first);
  }
  for (UnitParameter& parameter : unit.layout.parameters) {
    RETMASK_CHECK(parameter.tensor.scalar_type() == dtype, parameter.name);
    const torch::Tensor view = unit.values.narrow(0, parameter.offset, parameter.tensor.numel());
    parameter.tensor.set_data(view.view(parameter.tensor.sizes()));
  }
  if (stage_ == 3) resize_memory(unit.values, /*present=*/false);
}

int64_t ShardedParameters::begin(size_t i) const {
  return stage_ == 0 ? 0 : group_.rank() * units_[i].weights.size(0);
}

void ShardedParameters::publish() {
  const torch::NoGradGuard no_grad;
  for (Unit& unit : units_) {
    if (!unit.weights.is_same(unit.slice)) unit.slice.copy_(unit.weights);
    const bool needs_others = stage_ == 1 || stage_ == 2;
    if (needs_others) unit.gathering = group_.all_gather(unit.values, unit.slice);
  }
  for (Unit& unit : units_) unit.gathering.wait();
}

torch::Tensor ShardedParameters::gather(size_t i) {
  const Unit& unit = units_[i];
  if (stage_ == 0 || group_.size() == 1) return unit.weights;
  const torch::Tensor all =
      torch::empty({group_.size() * unit.weights.size(0)}, unit.weights.options());
  group_.all_gather(all, unit.weights).wait();
  return all;
}

void ShardedParameters::lend(int64_t part, Pass pass) {
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

void ShardedParameters::take_back(int64_t part, Pass) {
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
