#pragma once
// What each head copies out of the needle while one sample is answered.

#include <torch/torch.h>

#include <map>
#include <set>
#include <vector>

#include "retmask/detect/options.h"
#include "retmask/model/heads.h"
#include "retmask/niah/sample.h"

namespace retmask::detect {

// The heads that scored; all others have 0.
using HeadScores = std::map<Head, double>;

class CopyCounter {
 public:
  // `sample` must outlive this.
  CopyCounter(const niah::Sample& sample, Scoring scoring) : sample_(&sample), scoring_(scoring) {}

  // One decoding step: the token just chosen and, per head, the key with the largest weight at the
  // query row that chose it ([L, H] int64, CPU).
  void observe(int64_t token, const torch::Tensor& largest_keys);

  HeadScores scores() const;

 private:
  struct Copies {
    std::set<int64_t> tokens;
    int64_t steps = 0;
  };

  const niah::Sample* sample_;
  Scoring scoring_;
  std::map<Head, Copies> copies_;
};

}  // namespace retmask::detect
