#pragma once
// Which rows each step works on: a function of the options and the step alone, so that a resumed
// run needs no state.

#include <cstdint>
#include <vector>

#include "retmask/train/examples.h"
#include "retmask/train/options.h"

namespace retmask::train {

// Row numbers of the training data.
using RowIndices = std::vector<int64_t>;

class BatchPlan {
 public:
  BatchPlan(int64_t num_rows, const TrainOptions& options);

  // The last batch of an epoch may be smaller; it is a step of its own, as in transformers.
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
  // The order that was asked for last: steps come one after the other.
  mutable int64_t ordered_epoch_ = -1;
  mutable RowIndices order_;
};

// Cuts rows, in order, into groups of at most `max_tokens` tokens (one row at least) that go
// through the model at once.
std::vector<RowIndices> split_by_tokens(const RowIndices& rows,
                                        const std::vector<TrainingExample>& examples,
                                        int64_t max_tokens);

// Shares a batch out so that every rank has about the same work: the costliest row first, each to
// the rank with the least so far. A row costs its tokens and, for attention, len^2 / (12 *
// hidden_size) of each sequence, which is the ratio of their arithmetic in these models. Each
// rank's rows stay in the batch's order; one rank gets the batch as it is.
std::vector<RowIndices> spread_rows(const RowIndices& batch,
                                    const std::vector<TrainingExample>& examples,
                                    int64_t ranks,
                                    int64_t hidden_size);

// Both: the rows of each pass that a step makes, by rank.
std::vector<std::vector<RowIndices>> micro_batches_of_ranks(
    const RowIndices& batch,
    const std::vector<TrainingExample>& examples,
    int64_t ranks,
    int64_t hidden_size,
    int64_t max_tokens);

}  // namespace retmask::train
