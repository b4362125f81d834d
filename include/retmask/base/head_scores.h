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
  std::map<Head, std::vector<double>> samples;

  // Of the head with the most.
  int64_t num_samples() const;
  // 0 for a head without samples.
  HeadMeans means() const;
};

// The form of head_scores.json, for errors about a file given in its place.
extern const char* const kHeadScoresForm;

Json to_json(const HeadScores& scores);

enum class SampleCounts {
  equal,       // every head has a score for each sample
  may_differ,  // heads may lack some or all of them, as in LOCOS's files
};
// Throws UserError naming `where` (the file) unless the heads are named LAYER-HEAD, each once, with
// finite scores, which may be negative: detect's scorers other than copy compare a head with a
// baseline.
HeadScores parse_head_scores(const Json& json,
                             const std::string& where,
                             SampleCounts counts = SampleCounts::equal);

// [18, 6], an entry of "heads" in mask.json and summary.json. Throws UserError naming `where` (the
// file and the key) for anything else.
Head parse_head_pair(const Json& pair, const std::string& where);

struct HeadMean {
  Head head;
  double mean = 0.0;
};
// By descending mean; ties by layer and head; heads without data last.
std::vector<HeadMean> ranked_heads(const HeadMeans& means);

}  // namespace retmask
