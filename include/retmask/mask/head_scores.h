#pragma once
// head_scores.json, as written by detect and as published by the authors of RetMask: {"layer-head":
// [score of sample 1, ...], ...} with one score per sample whose answer was right.

#include <cstdint>
#include <filesystem>
#include <map>

#include "retmask/model/heads.h"

namespace retmask::mask {

struct HeadScores {
  std::map<Head, double> mean;  // mean over the samples, for every head of the model
  int64_t num_samples = 0;
};

// Throws UserError if the file does not list each head of the model exactly once, a score is not a
// number of at least 0, heads have different numbers of samples, or there are no samples.
HeadScores read_head_scores(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace retmask::mask
