#pragma once
// Detection of retrieval heads: scores each head on needle-in-a-haystack samples, in one of four
// ways (Scorer).

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/base/sample_journal.h"
#include "retmask/detect/certainty.h"
#include "retmask/detect/copy_counter.h"
#include "retmask/detect/options.h"
#include "retmask/model/inference.h"
#include "retmask/niah/sample.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::detect {

// One sample.
struct Detection {
  niah::NeedleScore verdict = {};
  std::string answer = {};
  SampleScores scores = {};
  bool answered = true;  // false: the scorer reads no answer, so there is no verdict
  bool measured = true;  // false: nothing to score, as where the needle is not in the prompt
  // Scorer::copy: text of each generated token, and the heads that copied it.
  std::vector<std::pair<std::string, std::vector<Head>>> steps = {};

  // Whether head_scores.json holds the sample.
  bool counts() const { return measured && (!answered || verdict.right); }
};

struct Result {
  std::vector<Detection> detections;  // in sample order
  int64_t answered_now = 0;           // excluding those of an earlier run
  double seconds = 0.0;               // spent on those
  int64_t computed_tokens = 0;        // of their prompts
  int64_t reused_tokens = 0;          // of their prompts, found in the cache

  int64_t num_right() const;
  int64_t num_counted() const;
};

struct Subject {
  const InferenceLm& model;
  const Tokenizer& tokenizer;
  std::vector<int64_t> eos_token_ids = {};
};

// Scores the samples that wait in `journal` (niah::open_journal) and closes it. Answers are decoded
// greedily. Throws UserError for bad options.
Result run(const Subject& subject,
           const std::vector<niah::Sample>& samples,
           const Options& options,
           SampleJournal journal);

// The result that a complete journal holds.
Result finished_result(SampleJournal journal);

// Scores of all heads of the model over the samples that count: head_scores.json.
HeadScores head_scores(const Result& result, const ModelConfig& config);

// summary.json: counts, number of heads at or above each threshold, how concentrated the scores
// are, all heads ranked, with their intervals. It depends on the rows alone.
Json summary_json(const Result& result,
                  const std::vector<niah::Sample>& samples,
                  const Options& options,
                  const ModelConfig& config,
                  const Certainty& certainty);

}  // namespace retmask::detect
