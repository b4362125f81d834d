#include "retmask/train/batches.h"

#include <algorithm>
#include <numeric>

#include "retmask/base/error.h"
#include "retmask/base/random.h"

namespace retmask::train {

BatchPlan::BatchPlan(int64_t num_rows, const Options& options)
    : num_rows_(num_rows),
      batch_size_(options.global_batch_size),
      shuffle_(options.shuffle),
      seed_(options.seed),
      steps_per_epoch_((num_rows + batch_size_ - 1) / batch_size_),
      total_steps_(options.max_steps > 0 ? options.max_steps : options.epochs * steps_per_epoch_) {
  RETMASK_CHECK(num_rows > 0);
}

const RowIndices& BatchPlan::epoch_order(int64_t epoch) const {
  if (epoch == ordered_epoch_) return order_;
  order_.resize(static_cast<size_t>(num_rows_));
  std::iota(order_.begin(), order_.end(), 0);
  if (shuffle_) {
    RandomStream random(seed_, "train-epoch-" + std::to_string(epoch));
    retmask::shuffle(order_, random);
  }
  ordered_epoch_ = epoch;
  return order_;
}

RowIndices BatchPlan::batch(int64_t step) const {
  RETMASK_CHECK(step >= 0 && step < total_steps_, "step ", step, " of ", total_steps_);
  const RowIndices& order = epoch_order(step / steps_per_epoch_);
  const int64_t begin = step % steps_per_epoch_ * batch_size_;
  const int64_t end = std::min(begin + batch_size_, num_rows_);
  return {order.begin() + begin, order.begin() + end};
}

std::vector<RowIndices> split_by_tokens(const RowIndices& rows,
                                        const std::vector<TrainingExample>& examples,
                                        int64_t max_tokens) {
  std::vector<RowIndices> groups;
  int64_t filled = 0;
  for (const int64_t row : rows) {
    const int64_t tokens = examples.at(static_cast<size_t>(row)).num_tokens();
    if (groups.empty() || filled + tokens > max_tokens) {
      groups.emplace_back();
      filled = 0;
    }
    groups.back().push_back(row);
    filled += tokens;
  }
  return groups;
}

namespace {

double cost_of(const TrainingExample& example, int64_t hidden_size) {
  const auto attention = [&](int64_t tokens) {
    const auto length = static_cast<double>(tokens);
    return length * length / (12.0 * static_cast<double>(hidden_size));
  };
  return static_cast<double>(example.num_tokens()) + attention(example.chosen_length()) +
         attention(example.rejected_length());
}

}  // namespace

std::vector<RowIndices> spread_rows(const RowIndices& batch,
                                    const std::vector<TrainingExample>& examples,
                                    int64_t ranks,
                                    int64_t hidden_size) {
  std::vector<double> costs;
  for (const int64_t row : batch) {
    costs.push_back(cost_of(examples.at(static_cast<size_t>(row)), hidden_size));
  }
  std::vector<size_t> by_cost(batch.size());
  std::iota(by_cost.begin(), by_cost.end(), 0);
  std::stable_sort(
      by_cost.begin(), by_cost.end(), [&](size_t a, size_t b) { return costs[a] > costs[b]; });

  std::vector<double> loads(static_cast<size_t>(ranks), 0.0);
  std::vector<size_t> rank_of(batch.size());
  for (const size_t i : by_cost) {
    rank_of[i] = static_cast<size_t>(std::min_element(loads.begin(), loads.end()) - loads.begin());
    loads[rank_of[i]] += costs[i];
  }
  std::vector<RowIndices> shares(static_cast<size_t>(ranks));
  for (size_t i = 0; i < batch.size(); ++i) shares[rank_of[i]].push_back(batch[i]);
  return shares;
}

std::vector<std::vector<RowIndices>> micro_batches_of_ranks(
    const RowIndices& batch,
    const std::vector<TrainingExample>& examples,
    int64_t ranks,
    int64_t hidden_size,
    int64_t max_tokens) {
  std::vector<std::vector<RowIndices>> micro_batches;
  for (const RowIndices& share : spread_rows(batch, examples, ranks, hidden_size)) {
    micro_batches.push_back(split_by_tokens(share, examples, max_tokens));
  }
  return micro_batches;
}

}  // namespace retmask::train
