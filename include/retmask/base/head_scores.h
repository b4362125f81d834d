#pragma once
// Scores of a model's attention heads, and their order. head_scores.json, as written by detect and
// as published by the authors of RetMask: {"layer-head": [score of sample 1, ...], ...} with one
// score per sample whose answer was right.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "retmask/base/head.h"
#include "retmask/base/json.h"

namespace retmask {

// Mean score per head; NaN: no data.
using HeadMeans = std::map<Head, double>;

struct HeadScores {
  std::map<Head, std::vector<double>> samples;  // equally many for each head

  int64_t num_samples() const;
  // 0 for every head if there are no samples.
  HeadMeans means() const;
};

// The form of head_scores.json, for errors about a file given in its place.
extern const char* const kHeadScoresForm;

Json to_json(const HeadScores& scores);
// Throws UserError naming `where` (the file) unless the heads are named LAYER-HEAD, each once, with
// equally many scores, which are finite numbers. Scores may be negative: detect's scorers other
// than copy compare a head with a baseline.
HeadScores parse_head_scores(const Json& json, const std::string& where);

struct HeadMean {
  Head head;
  double mean = 0.0;
};
// By descending mean; ties by layer and head; heads without data last.
std::vector<HeadMean> ranked_heads(const HeadMeans& means);

}  // namespace retmask
