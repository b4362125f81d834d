#include "optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cuda_adamw.h"
#include "retmask/kernels/adamw.h"

namespace retmask::train {

int64_t warmup_steps(const Options& options, int64_t total_steps) {
  return static_cast<int64_t>(std::ceil(static_cast<double>(total_steps) * options.warmup_ratio));
}

double learning_rate_at(const Options& options, int64_t step, int64_t total_steps) {
  const int64_t warmup = warmup_steps(options, total_steps);
  if (step < warmup) {
    return options.learning_rate * (static_cast<double>(step) / static_cast<double>(warmup));
  }
  const double progress = static_cast<double>(step - warmup) /
                          static_cast<double>(std::max<int64_t>(1, total_steps - warmup));
  const double floor = options.min_learning_rate / options.learning_rate;
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return options.learning_rate * (cosine * (1 - floor) + floor);
}

AdamW::AdamW(ShardedParameters& parameters, const Options& options)
    : parameters_(parameters),
      beta1_(options.adam_beta1),
      beta2_(options.adam_beta2),
      eps_(options.adam_eps),
      step_count_(
          torch::zeros({}, torch::TensorOptions(torch::kFloat32).device(parameters.device()))) {
  decayed_.weight_decay = options.weight_decay;
  for (size_t u = 0; u < parameters_.num_units(); ++u) {
    const int64_t length = parameters_.length(u);
    const auto float32 = torch::TensorOptions(torch::kFloat32).device(parameters_.device());
    exp_avg_.push_back(torch::zeros({length}, float32));
    exp_avg_sq_.push_back(torch::zeros({length}, float32));
    const int64_t begin = parameters_.begin(u);
    const int64_t end = begin + length;
    for (const UnitParameter& parameter : parameters_.unit(u).parameters) {
      const int64_t first = std::max(begin, parameter.offset);
      const int64_t last = std::min(end, parameter.end());
      if (first >= last) continue;
      Group& group = parameter.tensor.dim() > 1 ? decayed_ : undecayed_;
      group.pieces.push_back({.unit = u, .begin = first - begin, .length = last - first});
    }
  }
}

void AdamW::step(const ShardedGradients& gradients, double learning_rate) {
  const torch::NoGradGuard no_grad;
  ++steps_taken_;
  step_count_.fill_(static_cast<double>(steps_taken_));
  step(decayed_, gradients, learning_rate);
  step(undecayed_, gradients, learning_rate);
  parameters_.publish();
}

void AdamW::step(const Group& group, const ShardedGradients& gradients, double learning_rate) {
  for (const Piece& piece : group.pieces) {
    const auto part = [&](const torch::Tensor& of_unit) {
      return of_unit.narrow(0, piece.begin, piece.length);
    };
    const Update update{.gradient = part(gradients.slice(piece.unit)),
                        .exp_avg = part(exp_avg_[piece.unit]),
                        .exp_avg_sq = part(exp_avg_sq_[piece.unit]),
                        .learning_rate = learning_rate,
                        .weight_decay = group.weight_decay};
    const bool has_kernel = parameters_.device().is_cpu() || has_cuda_adamw();
    if (parameters_.lower(piece.unit).defined() && has_kernel) {
      step_halves(part(parameters_.slice(piece.unit)), part(parameters_.lower(piece.unit)), update);
    } else {
      step_chunks(piece, update);
    }
  }
}

void AdamW::step_chunks(const Piece& piece, const Update& update) {
  for (int64_t begin = 0; begin < piece.length; begin += parameters_.chunk_length()) {
    const int64_t length = std::min(parameters_.chunk_length(), piece.length - begin);
    const torch::Tensor weights = parameters_.weights(piece.unit, piece.begin + begin, length);
    torch::_fused_adamw_({weights},
                         {update.gradient.narrow(0, begin, length)},
                         {update.exp_avg.narrow(0, begin, length)},
                         {update.exp_avg_sq.narrow(0, begin, length)},
                         /*max_exp_avg_sqs=*/{},
                         {step_count_},
                         update.learning_rate,
                         beta1_,
                         beta2_,
                         update.weight_decay,
                         eps_,
                         /*amsgrad=*/false,
                         /*maximize=*/false);
    parameters_.set_weights(piece.unit, piece.begin + begin, weights);
  }
}

void AdamW::step_halves(const torch::Tensor& upper,
                        const torch::Tensor& lower,
                        const Update& update) {
  const auto t = static_cast<double>(steps_taken_);
  const kernels::AdamWStep step{
      .decay = static_cast<float>(1 - update.learning_rate * update.weight_decay),
      .beta1 = static_cast<float>(beta1_),
      .beta2 = static_cast<float>(beta2_),
      .rate = static_cast<float>(update.learning_rate / (1 - std::pow(beta1_, t))),
      .scale = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2_, t))),
      .eps = static_cast<float>(eps_)};
  const kernels::AdamWArrays arrays{
      .upper = static_cast<kernels::BFloat16*>(upper.mutable_data_ptr()),
      .lower = lower.mutable_data_ptr<int16_t>(),
      .gradient = update.gradient.const_data_ptr<float>(),
      .exp_avg = update.exp_avg.mutable_data_ptr<float>(),
      .exp_avg_sq = update.exp_avg_sq.mutable_data_ptr<float>()};
  if (upper.is_cuda()) return cuda_adamw(step, arrays, upper.size(0));
  constexpr int64_t kGrain = int64_t{1} << 14;
  at::parallel_for(0, upper.size(0), kGrain, [&](int64_t begin, int64_t end) {
    kernels::adamw(step, arrays, begin, end);
  });
}

NamedTensors AdamW::state(size_t unit) const {
  return {{kStateNames[0], parameters_.weights(unit)},
          {kStateNames[1], exp_avg_[unit]},
          {kStateNames[2], exp_avg_sq_[unit]}};
}

void AdamW::put_back(size_t unit, const NamedTensors& state) {
  const torch::NoGradGuard no_grad;
  parameters_.set_weights(unit, /*offset=*/0, state.front().second);
}

void AdamW::restored(int64_t steps_taken) {
  steps_taken_ = steps_taken;
  parameters_.publish();
}

}  // namespace retmask::train
