#pragma once
// Finds retrieval heads: answers needle-in-a-haystack questions and counts what each head copies
// from the needle.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/detect/copy_counter.h"
#include "retmask/detect/options.h"
#include "retmask/model/model.h"
#include "retmask/niah/sample.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::detect {

// One answered sample.
struct Detection {
  niah::NeedleScore verdict = {};
  std::string answer = {};
  HeadScores scores = {};  // counted in the result when the answer is right
};

struct DetectResult {
  std::vector<Detection> detections;  // in the samples' order
  int64_t answered_now = 0;           // without those of an earlier run
  double seconds = 0.0;               // spent on those

  int64_t num_right() const;
};

struct DetectSubject {
  const CausalLm& model;
  const Tokenizer& tokenizer;
  std::vector<int64_t> eos_token_ids = {};
};

// Answers greedily. `journal` gets one row per sample as it is answered, and what an earlier run
// left there is not computed again; at the end its file is put into the samples' order. Throws
// UserError when the journal's rows belong to other samples.
DetectResult run_detection(const DetectSubject& subject,
                           const std::vector<niah::Sample>& samples,
                           const DetectOptions& options,
                           Journal& journal);

struct HeadMean {
  Head head;
  double mean = 0.0;  // over the samples with a right answer; 0 when there is none
};
// Every head of the model, highest mean first, equals in order of layer and head.
std::vector<HeadMean> ranked_heads(const DetectResult& result, const ModelConfig& config);

// {"layer-head": [score of the first right sample, ...], ...}: the published implementation's
// format.
Json head_scores_json(const DetectResult& result, const ModelConfig& config);

// summary.json: counts, heads at or over each threshold, timing of this start, all heads ranked.
Json summary_json(const DetectResult& result,
                  const std::vector<niah::Sample>& samples,
                  const DetectOptions& options,
                  const ModelConfig& config);

}  // namespace retmask::detect
