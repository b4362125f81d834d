#pragma once
// Answers samples with a model and keeps one journal row per sample: the loop of eval's suite niah.

#include <functional>
#include <vector>

#include "retmask/base/sample_journal.h"
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
  int64_t answered_now = 0;  // excluding those of an earlier run
  double seconds = 0.0;      // spent on those
};

// How samples are answered, `batch_size` at once and with at most `max_new_tokens` each: for the
// memory plan, before the model is loaded, and for the loop.
GeneratorOptions generator_options(const std::vector<Sample>& samples,
                                   int64_t batch_size,
                                   int64_t max_new_tokens);

// The samples that wait in the journal, in the order in which their prompts share most of their
// beginnings: the engine computes those once.
std::vector<size_t> waiting_in_prefix_order(const SampleJournal& journal,
                                            const std::vector<Sample>& samples);

// Answers the samples that wait in the journal, in that order. Each row is kept as soon as its
// answer is finished.
AnsweredSamples answer_samples(const InferenceLm& model,
                               const std::vector<Sample>& samples,
                               const AnswerLoop& loop,
                               SampleJournal& journal);

}  // namespace retmask::niah
