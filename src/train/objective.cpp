#include "objective.h"

#include "retmask/base/error.h"
#include "retmask/engine/generator.h"

namespace retmask::train {

PairLogprobs answer_logprobs(const CausalLm& model,
                             const std::vector<TrainingExample>& examples,
                             const RowIndices& rows) {
  std::vector<std::vector<int64_t>> sequences;
  std::vector<int64_t> answer_starts;
  for (const int64_t row : rows) {
    const TrainingExample& example = examples[static_cast<size_t>(row)];
    sequences.push_back(example.chosen_sequence());
    answer_starts.push_back(example.chosen_start());
    if (example.rejected.empty()) continue;
    sequences.push_back(example.rejected_sequence());
    answer_starts.push_back(example.rejected_start());
  }
  const std::vector<torch::Tensor> logprobs = token_logprobs(model, sequences, answer_starts);

  std::vector<torch::Tensor> chosen;
  std::vector<torch::Tensor> rejected;
  size_t next = 0;
  for (const int64_t row : rows) {
    const TrainingExample& example = examples[static_cast<size_t>(row)];
    chosen.push_back(logprobs[next++].sum());
    if (!example.rejected.empty()) rejected.push_back(logprobs[next++].sum());
  }
  return {torch::stack(chosen), rejected.empty() ? torch::Tensor() : torch::stack(rejected)};
}

PairLogprobs select(const PairLogprobs& all, const RowIndices& rows) {
  const torch::Tensor index = torch::tensor(rows, torch::kInt64).to(all.chosen.device());
  return {all.chosen.index_select(0, index), all.rejected.index_select(0, index)};
}

PairRatios log_ratios(const PairLogprobs& policy, const PairLogprobs& reference) {
  return {policy.chosen - reference.chosen, policy.rejected - reference.rejected};
}

PairRatios per_token(const PairRatios& ratios, const AnswerLengths& lengths) {
  return {ratios.chosen / lengths.chosen, ratios.rejected / lengths.rejected};
}

torch::Tensor dpo_losses(const PairRatios& ratios, double beta, double label_smoothing) {
  const torch::Tensor scaled = beta * (ratios.chosen - ratios.rejected);  // [n]
  const torch::Tensor losses = -torch::log_sigmoid(scaled);
  if (label_smoothing == 0) return losses;
  return (1 - label_smoothing) * losses - label_smoothing * torch::log_sigmoid(-scaled);
}

torch::Tensor ipo_losses(const PairRatios& averages, double beta) {
  const torch::Tensor difference = averages.chosen - averages.rejected;  // [n]
  return (difference - 1 / (2 * beta)).square();
}

namespace {

torch::Tensor lengths_of(const std::vector<TrainingExample>& examples,
                         const RowIndices& rows,
                         TokenIds TrainingExample::*answer) {
  std::vector<float> lengths;
  for (const int64_t row : rows) {
    lengths.push_back(static_cast<float>((examples[static_cast<size_t>(row)].*answer).size()));
  }
  return torch::tensor(lengths);
}

RewardSums sum_rewards(const PairRatios& ratios, double beta) {
  const torch::Tensor chosen = beta * ratios.chosen.detach();
  const torch::Tensor rejected = beta * ratios.rejected.detach();
  return {.chosen = chosen.sum().item<double>(),
          .rejected = rejected.sum().item<double>(),
          .right = (chosen > rejected).sum().item<int64_t>()};
}

}  // namespace

RewardSums& RewardSums::operator+=(const RewardSums& other) {
  chosen += other.chosen;
  rejected += other.rejected;
  right += other.right;
  return *this;
}

Objective::Objective(const CausalLm& model,
                     const std::vector<TrainingExample>& examples,
                     PairLogprobs reference,
                     const Options& options)
    : model_(model),
      examples_(examples),
      reference_(std::move(reference)),
      loss_(options.loss),
      beta_(options.beta),
      label_smoothing_(options.label_smoothing),
      length_normalize_(options.length_normalize) {}

RowLosses Objective::evaluate(const RowIndices& rows) const {
  before_pass_();
  const PairLogprobs policy = answer_logprobs(model_, examples_, rows);
  if (loss_ == LossKind::sft) {
    const torch::Tensor losses = -policy.chosen;
    return {.losses = length_normalize_ ? losses / lengths(rows).chosen : losses, .rewards = {}};
  }
  const PairRatios ratios = log_ratios(policy, select(reference_, rows));
  return {.losses = pair_losses(ratios, rows), .rewards = sum_rewards(ratios, beta_)};
}

torch::Tensor Objective::pair_losses(const PairRatios& ratios, const RowIndices& rows) const {
  if (loss_ == LossKind::dpo && !length_normalize_) {
    return dpo_losses(ratios, beta_, label_smoothing_);
  }
  const PairRatios averages = per_token(ratios, lengths(rows));
  if (loss_ == LossKind::dpo) return dpo_losses(averages, beta_, label_smoothing_);
  RETMASK_CHECK(loss_ == LossKind::ipo);
  return ipo_losses(averages, beta_);
}

AnswerLengths Objective::lengths(const RowIndices& rows) const {
  AnswerLengths lengths = {.chosen = lengths_of(examples_, rows, &TrainingExample::chosen),
                           .rejected = lengths_of(examples_, rows, &TrainingExample::rejected)};
  lengths.chosen = lengths.chosen.to(model_.device());
  lengths.rejected = lengths.rejected.to(model_.device());
  return lengths;
}

int64_t Objective::denominator(const RowIndices& batch) const {
  if (loss_ != LossKind::sft || length_normalize_) return static_cast<int64_t>(batch.size());
  size_t tokens = 0;
  for (const int64_t row : batch) tokens += examples_[static_cast<size_t>(row)].chosen.size();
  return static_cast<int64_t>(tokens);
}

}  // namespace retmask::train
