#include "retmask/train/optimizer.h"

#include "retmask/base/error.h"

namespace retmask::train {

GradientBuffer::GradientBuffer(NamedTensors parameters)
    : parameters_(std::move(parameters)), gradients_(parameters_.size()) {}

void GradientBuffer::collect() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto& [name, parameter] = parameters_[i];
    torch::Tensor& grad = parameter.mutable_grad();
    RETMASK_CHECK(grad.defined(), "no gradient reached ", name);
    if (grad.scalar_type() == torch::kFloat32) {
      gradients_[i] = grad;  // autograd itself adds the next pass to it
      continue;
    }
    if (gradients_[i].defined()) {
      gradients_[i].add_(grad);
    } else {
      gradients_[i] = grad.to(torch::kFloat32);
    }
    grad.reset();
  }
}

double GradientBuffer::norm() const {
  // Row by row, then in double: one float32 sum over an embedding's millions of elements is off in
  // the fourth digit.
  torch::Tensor squares = torch::zeros({}, gradients_.front().options().dtype(torch::kFloat64));
  for (const torch::Tensor& gradient : gradients_) {
    const torch::Tensor rows = torch::linalg_vector_norm(gradient, /*ord=*/2, /*dim=*/{-1});
    squares += rows.to(torch::kFloat64).square().sum();
  }
  return squares.sqrt().item<double>();
}

void GradientBuffer::clip(double norm, double max_norm) {
  const double scale = max_norm / (norm + 1e-6);
  if (scale < 1) torch::_foreach_mul_(gradients_, scale);
}

void GradientBuffer::reset() {
  for (auto& [name, parameter] : parameters_) parameter.mutable_grad().reset();
  for (torch::Tensor& gradient : gradients_) gradient.reset();
}

AdamW::AdamW(NamedTensors parameters, const TrainOptions& options)
    : parameters_(std::move(parameters)),
      beta1_(options.adam_beta1),
      beta2_(options.adam_beta2),
      eps_(options.adam_eps) {
  decayed_.weight_decay = options.weight_decay;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor parameter = parameters_[i].second.detach();
    weights_.push_back(parameter.to(torch::kFloat32));  // the parameter itself where it is float32
    exp_avg_.push_back(torch::zeros_like(weights_.back()));
    exp_avg_sq_.push_back(torch::zeros_like(weights_.back()));
    Group& group = parameter.dim() > 1 ? decayed_ : undecayed_;
    group.members.push_back(i);
  }
}

void AdamW::step(const std::vector<torch::Tensor>& gradients, double learning_rate) {
  RETMASK_CHECK(gradients.size() == weights_.size(),
                gradients.size(),
                " gradients for ",
                weights_.size(),
                " parameters");
  const torch::NoGradGuard no_grad;
  ++steps_taken_;
  const torch::Tensor count =
      torch::full({}, static_cast<double>(steps_taken_), weights_.front().options());
  for (const Group& group : {decayed_, undecayed_}) {
    if (group.members.empty()) continue;
    const auto members_of = [&](const std::vector<torch::Tensor>& all) {
      std::vector<torch::Tensor> chosen;
      for (const size_t i : group.members) chosen.push_back(all[i]);
      return chosen;
    };
    torch::_fused_adamw_(members_of(weights_),
                         members_of(gradients),
                         members_of(exp_avg_),
                         members_of(exp_avg_sq_),
                         /*max_exp_avg_sqs=*/{},
                         std::vector<torch::Tensor>(group.members.size(), count),
                         learning_rate,
                         beta1_,
                         beta2_,
                         group.weight_decay,
                         eps_,
                         /*amsgrad=*/false,
                         /*maximize=*/false);
  }
  write_back();
}

NamedTensors AdamW::state() const {
  NamedTensors state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].first;
    state.emplace_back("weight." + name, weights_[i]);
    state.emplace_back("exp_avg." + name, exp_avg_[i]);
    state.emplace_back("exp_avg_sq." + name, exp_avg_sq_[i]);
  }
  return state;
}

void AdamW::restored(int64_t steps_taken) {
  steps_taken_ = steps_taken;
  write_back();
}

void AdamW::write_back() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor& parameter = parameters_[i].second;
    if (parameter.scalar_type() != torch::kFloat32) parameter.copy_(weights_[i]);
  }
}

}  // namespace retmask::train
