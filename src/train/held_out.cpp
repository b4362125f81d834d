#include "held_out.h"

#include <algorithm>
#include <numeric>

namespace retmask::train {
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
                 const TrainOptions& options,
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
