#pragma once
// Log-probabilities of the answers under the untrained weights: computed once and kept on disk, so
// that no second model is needed.

#include <functional>

#include "objective.h"
#include "retmask/base/json.h"
#include "retmask/train/job.h"
#include "retmask/train/options.h"

namespace retmask::train {

// [rows] float32 each, on the model's device.
struct References {
  PairLogprobs training;
  PairLogprobs held_out;  // undefined without held-out rows
};

// Both are undefined for a loss that needs none. The job's model still has its untrained weights;
// `identity` tells weights, data and dtype. Sums are appended to a file in `job.out` after each
// micro-batch, under a key made of these: a stopped run resumes after its last micro-batch, and a
// file with another key is replaced. Ranks share the micro-batches; each writes its own file next
// to the first until all are done. A micro-batch gives the same sums on any rank. `before_pass` is
// called before each micro-batch on all ranks and may throw to stop. Every rank gets all sums.
References compute_references(const Job& job,
                              const Options& options,
                              const Json& identity,
                              const std::function<void()>& before_pass);

}  // namespace retmask::train
