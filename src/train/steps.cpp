#include "steps.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "retmask/base/error.h"

namespace retmask::train {

void PairMetrics::sum_over(distributed::ProcessGroup& group) {
  const std::vector<double> sums =
      group.sum({loss, rewards.chosen, rewards.rejected, static_cast<double>(rewards.right)});
  loss = sums[0];
  rewards = {.chosen = sums[1], .rejected = sums[2], .right = static_cast<int64_t>(sums[3])};
}

Json PairMetrics::to_json() const {
  const auto mean = [&](double sum) {
    return has_rewards ? Json(sum / static_cast<double>(rows)) : Json();
  };
  return {{"loss", loss},
          {"rewards_chosen", mean(rewards.chosen)},
          {"rewards_rejected", mean(rewards.rejected)},
          {"accuracy", mean(static_cast<double>(rewards.right))},
          {"margin", mean(rewards.chosen - rewards.rejected)}};
}

Json StepMetrics::to_json() const {
  Json row = {{"step", step}};
  row.update(pairs.to_json());
  row.update({{"grad_norm", grad_norm},
              {"lr", learning_rate},
              {"tokens", tokens},
              {"tokens_per_second", static_cast<double>(tokens) / seconds},
              {"model_flops_utilization", utilization},
              {"memory_bytes", memory_bytes}});
  return row;
}

std::unique_ptr<Journal> open_metrics(const std::filesystem::path& path, int64_t steps_done) {
  std::vector<Json> kept = Journal(path).rows();
  if (kept.size() < static_cast<size_t>(steps_done)) {
    user_error(path,
               " holds ",
               kept.size(),
               " rows but the checkpoint is of step ",
               steps_done,
               "; restore the file or give a new --out");
  }
  if (kept.size() > static_cast<size_t>(steps_done)) {
    kept.resize(static_cast<size_t>(steps_done));
    write_json_lines(path, kept);
  }
  return std::make_unique<Journal>(path);
}

StepRunner::StepRunner(const Objective& objective,
                       const std::vector<TrainingExample>& examples,
                       ShardedGradients& gradients,
                       AdamW& optimizer,
                       distributed::ProcessGroup& group,
                       const Options& options)
    : objective_(objective),
      examples_(examples),
      gradients_(gradients),
      optimizer_(optimizer),
      group_(group),
      options_(options) {}

StepMetrics StepRunner::run(const RowIndices& batch, double learning_rate) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t denominator = objective_.denominator(batch);

  StepMetrics metrics;
  metrics.step = optimizer_.steps_taken() + 1;
  metrics.pairs.rows = static_cast<int64_t>(batch.size());
  metrics.pairs.has_rewards = objective_.has_rewards();
  metrics.learning_rate = learning_rate;
  for (const int64_t row : batch)
    metrics.tokens += examples_[static_cast<size_t>(row)].num_tokens();

  const std::vector<MicroBatch> own = micro_batches(batch);
  for (size_t i = 0; i < own.size(); ++i) {
    gradients_.start_pass(/*last=*/i + 1 == own.size());
    metrics.pairs.loss += forward_and_backward(own[i], denominator, metrics.pairs.rewards);
    gradients_.finish_pass();
  }
  metrics.pairs.sum_over(group_);
  metrics.grad_norm = gradients_.norm();
  if (!std::isfinite(metrics.grad_norm)) stop_for_gradient(batch);
  if (options_.max_grad_norm > 0) gradients_.clip(metrics.grad_norm, options_.max_grad_norm);
  optimizer_.step(gradients_, learning_rate);
  gradients_.reset();

  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  metrics.seconds = elapsed.count();
  return metrics;
}

std::vector<StepRunner::MicroBatch> StepRunner::micro_batches(const RowIndices& batch) const {
  const int64_t stage = optimizer_.parameters().stage();
  const auto of_ranks = micro_batches_of_ranks(
      batch, examples_, group_.size(), objective_.hidden_size(), options_.micro_batch_tokens);
  size_t most = 1;
  for (const auto& of_rank : of_ranks) most = std::max(most, of_rank.size());
  std::vector<MicroBatch> own;
  for (const RowIndices& rows : of_ranks[static_cast<size_t>(group_.rank())]) {
    own.push_back({.rows = rows});
  }
  // Stages 0 and 1 communicate only in a rank's last micro-batch, so the counts may differ.
  const size_t wanted = stage >= 2 ? most : 1;
  // In stage 3 every micro-batch gathers the weights, so none can be skipped: a rank without rows
  // runs the batch's shortest row and discards the result.
  const int64_t shortest = *std::min_element(batch.begin(), batch.end(), [&](int64_t a, int64_t b) {
    return examples_[static_cast<size_t>(a)].num_tokens() <
           examples_[static_cast<size_t>(b)].num_tokens();
  });
  const RowIndices filler = stage == 3 ? RowIndices{shortest} : RowIndices{};
  while (own.size() < wanted) own.push_back({.rows = filler, .counts = false});
  return own;
}

double StepRunner::forward_and_backward(const MicroBatch& micro_batch,
                                        int64_t denominator,
                                        RewardSums& rewards) {
  if (micro_batch.rows.empty()) return 0;
  const RowLosses result = objective_.evaluate(micro_batch.rows);
  const torch::Tensor loss = result.losses.sum() / static_cast<double>(denominator);
  if (!micro_batch.counts) {
    (loss * 0).backward();
    return 0;
  }
  const auto value = loss.item<double>();
  if (!std::isfinite(value)) {
    const torch::Tensor finite = torch::isfinite(result.losses).to(torch::kCPU);
    RowIndices bad;
    for (size_t i = 0; i < micro_batch.rows.size(); ++i) {
      if (!finite[static_cast<int64_t>(i)].item<bool>()) bad.push_back(micro_batch.rows[i]);
    }
    stop("loss", bad.empty() ? micro_batch.rows : bad);
  }
  loss.backward();
  rewards += result.rewards;
  return value;
}

// Finds the bad rows by running each row alone, on all ranks at once: slow, but it happens once.
void StepRunner::stop_for_gradient(const RowIndices& batch) {
  RowIndices bad;
  for (const int64_t row : batch) {
    gradients_.reset();
    gradients_.start_pass(/*last=*/true);
    RewardSums unused;
    forward_and_backward({.rows = {row}}, /*denominator=*/1, unused);
    gradients_.finish_pass();
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
             " is not finite; this step was discarded; check these rows, lower --learning-rate or "
             "use --dtype float32");
}

namespace {

std::unique_ptr<Journal> open_without_rows_after(const std::filesystem::path& path,
                                                 int64_t steps_done) {
  std::vector<Json> rows = Journal(path).rows();
  const size_t before = rows.size();
  std::erase_if(rows, [&](const Json& row) {
    return json_get<int64_t>(row, "step", path.string()) > steps_done;
  });
  if (rows.size() < before) write_json_lines(path, rows);
  return std::make_unique<Journal>(path);
}

}  // namespace

Json HeldOutMetrics::to_json() const {
  Json row = {{"step", step}};
  row.update(pairs.to_json());
  row.update({{"rows", pairs.rows}, {"tokens", tokens}});
  return row;
}

HeldOut::HeldOut(const std::vector<TrainingExample>& examples,
                 const Objective& objective,
                 const Options& options,
                 const std::filesystem::path& path,
                 int64_t steps_done,
                 distributed::ProcessGroup& group)
    : examples_(examples),
      objective_(objective),
      eval_every_(options.eval_every),
      micro_batch_tokens_(options.micro_batch_tokens),
      in_step_(options.zero_stage == 3),
      group_(group) {
  if (!group_.is_first()) return;
  journal_ = open_without_rows_after(path, steps_done);
  const std::vector<Json> rows = journal_->rows();
  if (!rows.empty()) last_step_ = json_get<int64_t>(rows.back(), "step", path.string());
}

bool HeldOut::is_due(int64_t step, int64_t total_steps) const {
  return step == 0 || step == total_steps || (eval_every_ > 0 && step % eval_every_ == 0);
}

Json HeldOut::evaluate_if_due(int64_t step, int64_t total_steps) {
  const bool due = group_.is_first() && is_due(step, total_steps) && last_step_ != step;
  if (!group_.any(due)) return nullptr;
  const Json row = evaluate(step).to_json();
  if (!group_.is_first()) return nullptr;
  journal_->append(row);
  last_step_ = step;
  return row;
}

HeldOutMetrics HeldOut::evaluate(int64_t step) const {
  HeldOutMetrics metrics{.step = step,
                         .pairs = {.rows = static_cast<int64_t>(examples_.size()),
                                   .rewards = {},
                                   .has_rewards = objective_.has_rewards()}};
  RowIndices all(examples_.size());
  std::iota(all.begin(), all.end(), 0);
  const auto denominator = static_cast<double>(objective_.denominator(all));
  const torch::NoGradGuard no_grad;
  const auto micro_batches = split_by_tokens(all, examples_, micro_batch_tokens_);
  const auto ranks = static_cast<size_t>(group_.size());
  for (size_t first = 0; first < micro_batches.size(); first += ranks) {
    const size_t own = first + static_cast<size_t>(group_.rank());
    if (own >= micro_batches.size() && !in_step_) continue;
    const RowLosses result =
        objective_.evaluate(micro_batches[std::min(own, micro_batches.size() - 1)]);
    if (own >= micro_batches.size()) continue;
    metrics.pairs.loss += result.losses.sum().item<double>() / denominator;
    metrics.pairs.rewards += result.rewards;
  }
  metrics.pairs.sum_over(group_);
  for (const TrainingExample& example : examples_) metrics.tokens += example.num_tokens();
  return metrics;
}

}  // namespace retmask::train
