#pragma once
// The rows of each step: a function of the options and the step alone, so a resumed run needs no
// state.

#include <cstdint>
#include <vector>

#include "retmask/train/examples.h"
#include "retmask/train/options.h"

namespace retmask::train {

// Row numbers of the training data.
using RowIndices = std::vector<int64_t>;

class BatchPlan {
 public:
  BatchPlan(int64_t num_rows, const Options& options);

  // The last batch of an epoch may be smaller; it is still a full step, as in transformers.
  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t total_steps() const { return total_steps_; }
  // The rows of step 0 .. total_steps - 1.
  RowIndices batch(int64_t step) const;

 private:
  const RowIndices& epoch_order(int64_t epoch) const;

  int64_t num_rows_;
  int64_t batch_size_;
  bool shuffle_;
  uint64_t seed_;
  int64_t steps_per_epoch_;
  int64_t total_steps_;
  // The order of the latest epoch, cached because steps come in order.
  mutable int64_t ordered_epoch_ = -1;
  mutable RowIndices order_;
};

// Splits rows, in order, into micro-batches of at most `max_tokens` tokens and at least one row.
std::vector<RowIndices> split_by_tokens(const RowIndices& rows,
                                        const std::vector<TrainingExample>& examples,
                                        int64_t max_tokens);

// Distributes a batch so that all ranks have about the same work: rows by descending cost, each to
// the least loaded rank. A row costs its tokens plus, for attention, len^2 / (12 * hidden_size) per
// sequence, the ratio of the two in floating-point operations. Each rank's rows stay in the batch's
// order; a single rank gets the batch as it is.
std::vector<RowIndices> spread_rows(const RowIndices& batch,
                                    const std::vector<TrainingExample>& examples,
                                    int64_t ranks,
                                    int64_t hidden_size);

// spread_rows, then split_by_tokens: a step's micro-batches by rank.
std::vector<std::vector<RowIndices>> micro_batches_of_ranks(
    const RowIndices& batch,
    const std::vector<TrainingExample>& examples,
    int64_t ranks,
    int64_t hidden_size,
    int64_t max_tokens);

}  // namespace retmask::train
