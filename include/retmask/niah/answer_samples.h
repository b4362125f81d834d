#pragma once
// Answers samples with a model and keeps one journal row per sample: the loop of detect and of
// eval's suite niah.

#include <functional>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/engine/generator.h"
#include "retmask/niah/sample.h"

namespace retmask::niah {

// A command's work on each sample; `sample` is its index.
struct AnswerLoop {
  const char* name;                  // of the progress line: "eval niah"
  GeneratorOptions generation = {};  // from generator_options
  // Called once for each sample that is not yet in the journal.
  std::function<GenerationRequest(size_t sample)> request;
  // The journal row of an answer; it begins with to_json(sample).
  std::function<Json(size_t sample, const GenerationResult& answer)> row;
};

struct AnsweredSamples {
  std::vector<Json> rows;    // in sample order
  int64_t answered_now = 0;  // excluding those of an earlier run
  double seconds = 0.0;      // spent on those
};

// How samples are answered, `batch_size` at once and with at most `max_new_tokens` each: for the
// memory plan, before the model is loaded, and for the loop.
GeneratorOptions generator_options(const std::vector<Sample>& samples,
                                   int64_t batch_size,
                                   int64_t max_new_tokens);

// Samples already in the journal are not answered again. The others are answered in the order in
// which their prompts share most of their beginnings, which are computed once. Each row is appended
// as soon as its answer is finished; at the end the file is rewritten in sample order. Throws
// UserError if the journal has rows of other samples.
AnsweredSamples answer_samples(const InferenceLm& model,
                               const std::vector<Sample>& samples,
                               const AnswerLoop& loop,
                               Journal& journal);

}  // namespace retmask::niah
