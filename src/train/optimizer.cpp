#include "optimizer.h"

#include <algorithm>

namespace retmask::train {

AdamW::AdamW(ShardedParameters& parameters, const TrainOptions& options)
    : parameters_(parameters),
      beta1_(options.adam_beta1),
      beta2_(options.adam_beta2),
      eps_(options.adam_eps) {
  decayed_.weight_decay = options.weight_decay;
  for (size_t u = 0; u < parameters_.num_units(); ++u) {
    const torch::Tensor& weights = parameters_.weights(u);
    exp_avg_.push_back(torch::zeros_like(weights));
    exp_avg_sq_.push_back(torch::zeros_like(weights));
    const int64_t begin = parameters_.begin(u);
    const int64_t end = begin + weights.size(0);
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
  step(decayed_, gradients, learning_rate);
  step(undecayed_, gradients, learning_rate);
  parameters_.publish();
}

void AdamW::step(const Group& group, const ShardedGradients& gradients, double learning_rate) {
  if (group.pieces.empty()) return;
  const auto pieces_of = [&](const auto& tensor_of_unit) {
    std::vector<torch::Tensor> chosen;
    for (const Piece& piece : group.pieces) {
      chosen.push_back(tensor_of_unit(piece.unit).narrow(0, piece.begin, piece.length));
    }
    return chosen;
  };
  const torch::Tensor count =
      torch::full({}, static_cast<double>(steps_taken_), exp_avg_.front().options());
  torch::_fused_adamw_(pieces_of([&](size_t u) { return parameters_.weights(u); }),
                       pieces_of([&](size_t u) { return gradients.slice(u); }),
                       pieces_of([&](size_t u) { return exp_avg_[u]; }),
                       pieces_of([&](size_t u) { return exp_avg_sq_[u]; }),
                       /*max_exp_avg_sqs=*/{},
                       std::vector<torch::Tensor>(group.pieces.size(), count),
                       learning_rate,
                       beta1_,
                       beta2_,
                       group.weight_decay,
                       eps_,
                       /*amsgrad=*/false,
                       /*maximize=*/false);
}

NamedTensors AdamW::state(size_t unit) const {
  return {{"weight", parameters_.weights(unit)},
          {"exp_avg", exp_avg_[unit]},
          {"exp_avg_sq", exp_avg_sq_[unit]}};
}

void AdamW::restored(int64_t steps_taken) {
  steps_taken_ = steps_taken;
  parameters_.publish();
}

}  // namespace retmask::train
