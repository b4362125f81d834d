#pragma once
// Detection of retrieval heads: answers needle-in-a-haystack questions and counts what each head
// copies from the needle.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/detect/copy_counter.h"
#include "retmask/detect/options.h"
#include "retmask/model/inference.h"
#include "retmask/niah/sample.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::detect {

// One answered sample.
struct Detection {
  niah::NeedleScore verdict = {};
  std::string answer = {};
  HeadScores scores = {};  // only counted if the answer is right
};

struct DetectResult {
  std::vector<Detection> detections;  // in sample order
  int64_t answered_now = 0;           // excluding those of an earlier run
  double seconds = 0.0;               // spent on those

  int64_t num_right() const;
};

struct DetectSubject {
  const InferenceLm& model;
  const Tokenizer& tokenizer;
  std::vector<int64_t> eos_token_ids = {};
};

// Decodes greedily. Each answered sample is appended to `journal`, and samples already in it are
// not computed again. At the end its file is rewritten in sample order. Throws UserError if the
// journal has rows of other samples.
DetectResult run_detection(const DetectSubject& subject,
                           const std::vector<niah::Sample>& samples,
                           const DetectOptions& options,
                           Journal& journal);

struct HeadMean {
  Head head;
  double mean = 0.0;  // over the samples with a right answer; 0 if there are none
};
// All heads of the model by descending mean; ties by layer and head.
std::vector<HeadMean> ranked_heads(const DetectResult& result, const ModelConfig& config);

// {"layer-head": [score of the first right sample, ...], ...}: the published implementation's
// format.
Json head_scores_json(const DetectResult& result, const ModelConfig& config);

// summary.json: counts, number of heads at or above each threshold, timing of this run, all heads
// ranked.
Json summary_json(const DetectResult& result,
                  const std::vector<niah::Sample>& samples,
                  const DetectOptions& options,
                  const ModelConfig& config);

}  // namespace retmask::detect
