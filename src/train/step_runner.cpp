#include "step_runner.h"

#include <chrono>
#include <cmath>

#include "retmask/base/error.h"
#include "retmask/train/schedule.h"

namespace retmask::train {

StepRunner::StepRunner(const Objective& objective,
                       const std::vector<TrainingExample>& examples,
                       const BatchPlan& plan,
                       GradientBuffer& gradients,
                       AdamW& optimizer,
                       const TrainOptions& options)
    : objective_(objective),
      examples_(examples),
      plan_(plan),
      gradients_(gradients),
      optimizer_(optimizer),
      options_(options) {}

StepMetrics StepRunner::run() {
  const auto start = std::chrono::steady_clock::now();
  const int64_t step = optimizer_.steps_taken();
  const RowIndices batch = plan_.batch(step);
  const int64_t denominator = objective_.denominator(batch);

  StepMetrics metrics;
  metrics.step = step + 1;
  metrics.rows = static_cast<int64_t>(batch.size());
  metrics.has_rewards = objective_.has_rewards();
  metrics.learning_rate = learning_rate_at(options_, step, plan_.total_steps());
  for (const int64_t row : batch)
    metrics.tokens += examples_[static_cast<size_t>(row)].num_tokens();

  gradients_.reset();
  for (const RowIndices& rows : split_by_tokens(batch, examples_, options_.micro_batch_tokens)) {
    metrics.loss += forward_and_backward(rows, denominator, metrics.rewards);
  }
  metrics.grad_norm = gradients_.norm();
  if (!std::isfinite(metrics.grad_norm)) stop_for_gradient(batch);
  if (options_.max_grad_norm > 0) gradients_.clip(metrics.grad_norm, options_.max_grad_norm);
  optimizer_.step(gradients_.gradients(), metrics.learning_rate);

  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  metrics.seconds = elapsed.count();
  return metrics;
}

double StepRunner::forward_and_backward(const RowIndices& rows,
                                        int64_t denominator,
                                        RewardSums& rewards) {
  const RowLosses result = objective_.evaluate(rows);
  const torch::Tensor loss = result.losses.sum() / static_cast<double>(denominator);
  const auto value = loss.item<double>();
  if (!std::isfinite(value)) {
    const torch::Tensor finite = torch::isfinite(result.losses).to(torch::kCPU);
    RowIndices bad;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!finite[static_cast<int64_t>(i)].item<bool>()) bad.push_back(rows[i]);
    }
    stop("loss", bad.empty() ? rows : bad);
  }
  loss.backward();
  gradients_.collect();
  rewards += result.rewards;
  return value;
}

// Finds the culprits by running each row alone: slow, but once.
void StepRunner::stop_for_gradient(const RowIndices& batch) {
  RowIndices bad;
  for (const int64_t row : batch) {
    gradients_.reset();
    RewardSums unused;
    forward_and_backward({row}, /*denominator=*/1, unused);
    if (!std::isfinite(gradients_.norm())) bad.push_back(row);
  }
  stop("gradient", bad.empty() ? batch : bad);
}

void StepRunner::stop(const std::string& what, const RowIndices& rows) const {
  constexpr size_t kNamed = 8;
  std::string names;
  for (size_t i = 0; i < std::min(rows.size(), kNamed); ++i) {
    names += (i > 0 ? ", " : "") + examples_[static_cast<size_t>(rows[i])].where;
  }
  if (rows.size() > kNamed) names += " and " + std::to_string(rows.size() - kNamed) + " more";
  user_error("step ",
             optimizer_.steps_taken() + 1,
             ": the ",
             what,
             " of ",
             names,
             " is not finite; nothing of this step was kept; look at these rows, lower "
             "--learning-rate or use --dtype "
             "float32");
}

}  // namespace retmask::train
