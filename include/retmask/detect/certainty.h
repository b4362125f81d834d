#pragma once
// Certainty of the heads' scores: what other samples of the same kind would change.

#include <cstdint>
#include <map>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/metrics/bootstrap.h"

namespace retmask::detect {

struct CertaintyOptions {
  double threshold = 0.1;  // a head is selected if its mean score is at least this
  uint64_t seed = 0;       // of the resamples and the halves
};

struct HeadCertainty {
  Interval mean;  // 95 %, percentile bootstrap over the samples with a right answer
  Interval rank;  // of its rank in the same resamples; 1 is the highest score, equal scores share
                  // the mean of their ranks
};

struct Certainty {
  double threshold = 0.0;
  int64_t num_samples = 0;                   // with a right answer
  std::map<Head, HeadCertainty> heads = {};  // NaN without samples
  double split_half = 0.0;                   // see split_half_agreement()
  int64_t num_selected = 0;                  // heads at the threshold
  int64_t num_undecided = 0;                 // heads whose interval holds the threshold

  // The undecided heads are more than half as many as the selected ones (or nothing is selected and
  // some are undecided): another sample of prompts would select clearly different heads.
  bool has_too_few_samples() const;
};

Certainty assess_certainty(const HeadScores& scores, const CertaintyOptions& options);

// Mean Spearman correlation of the heads' mean scores over two random halves of the samples, over
// 100 seeded halvings. Without the Spearman-Brown correction: it is the agreement of two runs with
// half of the samples. A half in which all heads are equal agrees with nothing (0). NaN for fewer
// than two samples.
double split_half_agreement(const HeadScores& scores, uint64_t seed);

// Heads with a mean score of at least `threshold`, by layer and head.
std::vector<Head> heads_at_least(const HeadMeans& means, double threshold);

}  // namespace retmask::detect
