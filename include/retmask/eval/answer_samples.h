#pragma once
// The loop of all generative benchmarks: answers samples with a model, one journal row per sample.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/eval/sample.h"
#include "retmask/eval/subject.h"

namespace retmask::eval {

struct AnswerOptions {
  std::string title;       // of the progress line: "eval ruler"
  int64_t batch_size = 8;  // concurrent samples

  // Throws UserError.
  void validate() const;
};

struct SampleAnswers {
  std::vector<Json> rows;         // in sample order
  int64_t answered_now = 0;       // excluding those of an earlier run
  int64_t prompt_tokens_now = 0;  // of those
  int64_t new_tokens_now = 0;
  double seconds = 0.0;  // spent on those

  int64_t num_errors() const;
};

// Decodes greedily to the end-of-sequence token, a stop text or the limit of the sample. The row of
// a sample: {"id", "task", "length" (if it has one), its meta fields, "prompt_tokens", "answer",
// "references", "metric", "score" and what else the metric reports}; of a sample that does not fit
// into the model, "answer" and "score" are null and "error" says why. Rows are appended to
// `journal` as they are finished; samples already in it are not answered again; at the end the file
// is rewritten in sample order, so that its bytes depend on neither batch nor interruptions. Throws
// UserError if the journal has rows of other samples.
SampleAnswers answer_samples(const Subject& subject,
                             const std::vector<Sample>& samples,
                             const AnswerOptions& options,
                             Journal& journal);

}  // namespace retmask::eval
