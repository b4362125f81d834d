#include "sharded_gradients.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

#include "retmask/base/error.h"

namespace retmask::train {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 18;

torch::TensorOptions float32_on(torch::Device device) {
  return torch::TensorOptions(torch::kFloat32).device(device);
}

// Row by row, then in double: a single float32 sum over an embedding's millions of elements is off
// in the fourth digit.
torch::Tensor sum_of_squares(const torch::Tensor& flat) {
  const torch::Tensor rows =
      torch::linalg_vector_norm(flat.view({-1, kUnitAlignment}), /*ord=*/2, /*dim=*/{-1});
  return rows.to(torch::kFloat64).square().sum();
}

// sum += gradient. If the types differ, libtorch's CPU code first makes a float32 copy of the
// gradient; adding in pieces keeps that copy in cache.
void add_to(const torch::Tensor& sum, const torch::Tensor& gradient) {
  const torch::Tensor flat = gradient.reshape({-1});
  const bool copies = flat.is_cpu() && flat.scalar_type() != sum.scalar_type();
  const int64_t piece = copies ? kPieceElements : std::max<int64_t>(1, flat.size(0));
  for (int64_t begin = 0; begin < flat.size(0); begin += piece) {
    const int64_t count = std::min(piece, flat.size(0) - begin);
    sum.narrow(0, begin, count).add_(flat.narrow(0, begin, count));
  }
}

}  // namespace

// Called by autograd after it has added to a parameter's .grad.
class ShardedGradients::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(ShardedGradients& owner, size_t unit, size_t index)
      : owner_(owner), unit_(unit), index_(index) {}
  void operator()(const torch::autograd::Variable& parameter) override {
    owner_.add(unit_, index_, parameter);
  }

 private:
  ShardedGradients& owner_;
  size_t unit_;
  size_t index_;
};

ShardedGradients::ShardedGradients(ShardedParameters& parameters, distributed::ProcessGroup& group)
    : parameters_(parameters), group_(group), units_(parameters.num_units()) {
  for (size_t u = 0; u < units_.size(); ++u) {
    const auto& members = parameters_.unit(u).parameters;
    for (size_t i = 0; i < members.size(); ++i) {
      torch::autograd::impl::set_post_acc_grad_hooks(members[i].tensor,
                                                     std::make_unique<Hook>(*this, u, i));
    }
  }
}

ShardedGradients::~ShardedGradients() {
  for (size_t u = 0; u < units_.size(); ++u) {
    for (const UnitParameter& member : parameters_.unit(u).parameters) {
      torch::autograd::impl::set_post_acc_grad_hooks(member.tensor, nullptr);
    }
  }
}

void ShardedGradients::reset() {
  for (Unit& unit : units_) {
    unit.filled.assign(unit.filled.size(), false);
    if (keeps_slices() || parameters_.device().is_cpu()) unit.sum.reset();
  }
}

void ShardedGradients::start_pass(bool last) {
  last_pass_ = last;
  next_ = units_.size();
  for (size_t u = 0; u < units_.size(); ++u) {
    units_[u].missing = parameters_.unit(u).parameters.size();
    units_[u].arrived.assign(units_[u].missing, false);
    units_[u].reduced = false;
  }
}

void ShardedGradients::finish_pass() {
  reduce_ready(/*all=*/true);
  while (!in_flight_.empty()) settle_oldest();
}

torch::Tensor& ShardedGradients::whole(size_t u) {
  Unit& unit = units_[u];
  torch::Tensor& whole = keeps_slices() ? unit.partial : unit.sum;
  if (whole.defined()) return whole;
  const ParameterUnit& layout = parameters_.unit(u);
  whole = torch::empty({layout.slice_length(group_.size()) * group_.size()},
                       float32_on(parameters_.device()));
  unit.filled.assign(layout.parameters.size(), false);
  int64_t end = 0;
  for (const UnitParameter& member : layout.parameters) {
    whole.slice(0, end, member.offset).zero_();  // the gap in front of it
    end = member.end();
  }
  whole.slice(0, end).zero_();
  return whole;
}

void ShardedGradients::add(size_t u, size_t index, const torch::Tensor& parameter) {
  const torch::NoGradGuard no_grad;
  Unit& unit = units_[u];
  const UnitParameter& member = parameters_.unit(u).parameters[index];
  RETMASK_CHECK(!unit.reduced, "a gradient of ", member.name, " came after its unit's were summed");
  torch::Tensor& grad = parameter.mutable_grad();
  const torch::Tensor part = whole(u).narrow(0, member.offset, grad.numel());
  if (unit.filled[index]) {
    add_to(part, grad);
  } else {
    part.copy_(grad.reshape({-1}));
    unit.filled[index] = true;
  }
  grad.reset();

  if (!unit.arrived[index]) {
    unit.arrived[index] = true;
    --unit.missing;
  }
  reduce_ready(/*all=*/false);
}

// Zeros the gradients of parameters that no row of this rank used (all of them if it had no rows).
void ShardedGradients::clear_what_is_missing(size_t u) {
  const auto& members = parameters_.unit(u).parameters;
  for (size_t i = 0; i < members.size(); ++i) {
    if (!units_[u].filled[i])
      whole(u).narrow(0, members[i].offset, members[i].tensor.numel()).zero_();
  }
}

void ShardedGradients::reduce_ready(bool all) {
  if (!last_pass_ && !keeps_slices()) return;
  // In the same order on all ranks. The embedding waits for the end of the backward pass.
  while (next_ > 0 && (all || (next_ > 1 && units_[next_ - 1].missing == 0))) reduce(--next_);
}

void ShardedGradients::reduce(size_t u) {
  const torch::NoGradGuard no_grad;
  Unit& unit = units_[u];
  unit.reduced = true;
  InFlight work{.unit = u, .result = {}, .pending = {}};
  const torch::Tensor gradients = whole(u);
  clear_what_is_missing(u);
  if (parameters_.stage() == 0) {
    work.pending = group_.all_reduce(gradients);
  } else if (parameters_.stage() == 1) {
    work.pending = group_.reduce_scatter(slice(u), gradients);
  } else {
    work.result = torch::empty({gradients.size(0) / group_.size()}, gradients.options());
    work.pending = group_.reduce_scatter(work.result, gradients);
  }
  in_flight_.push_back(std::move(work));
  while (in_flight_.size() > kMostInFlight) settle_oldest();
}

void ShardedGradients::settle_oldest() {
  const torch::NoGradGuard no_grad;
  InFlight& work = in_flight_.front();
  work.pending.wait();
  if (work.result.defined()) {
    Unit& unit = units_[work.unit];
    if (unit.sum.defined())
      unit.sum.add_(work.result);
    else
      unit.sum = work.result;
    unit.partial.reset();
  }
  in_flight_.pop_front();
}

torch::Tensor ShardedGradients::slice(size_t u) const {
  const torch::Tensor& sum = units_[u].sum;
  if (parameters_.stage() != 1) return sum;
  const int64_t length = sum.size(0) / group_.size();
  return sum.narrow(0, group_.rank() * length, length);
}

double ShardedGradients::norm() {
  torch::Tensor squares = torch::zeros({}, float32_on(parameters_.device()).dtype(torch::kFloat64));
  for (size_t u = 0; u < units_.size(); ++u) squares += sum_of_squares(slice(u));
  const auto own = squares.item<double>();
  // In stage 0 every rank holds the whole sum.
  return std::sqrt(parameters_.stage() == 0 ? own : group_.sum({own}).front());
}

void ShardedGradients::clip(double norm, double max_norm) {
  const double scale = max_norm / (norm + 1e-6);
  if (scale >= 1) return;
  for (size_t u = 0; u < units_.size(); ++u) slice(u).mul_(scale);
}

}  // namespace retmask::train
