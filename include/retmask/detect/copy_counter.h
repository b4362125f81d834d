#pragma once
// Counts what each head copies from the needle while one sample is decoded.

#include <torch/types.h>

#include <map>
#include <set>
#include <vector>

#include "retmask/detect/options.h"
#include "retmask/model/heads.h"
#include "retmask/niah/sample.h"

namespace retmask::detect {

// Scores of one sample: heads with a score; all others have 0.
using SampleScores = std::map<Head, double>;

// One decoding step: the generated token and the heads that copied it.
struct CopyStep {
  int64_t token = 0;
  std::vector<Head> copied_by = {};
};

class CopyCounter {
 public:
  // `sample` must outlive this object.
  CopyCounter(const niah::Sample& sample, Scoring scoring) : sample_(&sample), scoring_(scoring) {}

  // Records one decoding step: the token just sampled and, per head, the key with the largest
  // attention weight in the query row that produced it ([L, H] int64, CPU).
  void observe(int64_t token, const torch::Tensor& largest_keys);

  SampleScores scores() const;
  const std::vector<CopyStep>& steps() const { return steps_; }

 private:
  struct Copies {
    std::set<int64_t> tokens;
    int64_t steps = 0;
  };

  const niah::Sample* sample_;
  Scoring scoring_;
  std::map<Head, Copies> copies_;
  std::vector<CopyStep> steps_;
};

}  // namespace retmask::detect
