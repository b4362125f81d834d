#pragma once
// head_scores.json, what detect writes and what the authors of RetMask published:
// {"layer-head": [score of sample 1, ...], ...} with one score per sample whose answer was right.

#include <cstdint>
#include <filesystem>
#include <map>

#include "retmask/model/heads.h"

namespace retmask::mask {

struct HeadScores {
  std::map<Head, double> mean;  // of every head of the model, over the samples
  int64_t num_samples = 0;
};

// Throws UserError when the file does not list each head of the model once, a score is not a number
// of at least 0, heads have different numbers of samples, or there is no sample at all.
HeadScores read_head_scores(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace retmask::mask
