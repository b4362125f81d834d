#pragma once
// The loop of all generative benchmarks: answers samples with a model, one journal row per sample.
// The rows in predictions.jsonl: {"id", "task", "length" (if it has one), the sample's meta fields,
// "prompt_tokens", "answer", "references", "metric", "score" and what else the metric reports,
// "thinking" (if it was split off) and, with Thinking::on, "unended_thinking"}; of a sample without
// an answer, "answer" and "score" are null and "error" says why.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/base/sample_journal.h"
#include "retmask/eval/sample.h"
#include "retmask/eval/subject.h"
#include "retmask/eval/thinking.h"

namespace retmask::eval {

struct AnswerOptions {
  std::string title;       // of the progress line: "eval ruler"
  int64_t batch_size = 8;  // concurrent samples
  uint64_t seed = 0;       // of samples that are not decoded greedily
  ThinkingOptions thinking = {};

  // Throws UserError.
  void validate() const;
};

struct AnsweredSamples {
  int64_t answered_now = 0;  // excluding those of an earlier run
  double seconds = 0.0;      // spent on those
};

// The journal of these samples. Throws UserError like SampleJournal.
SampleJournal open_journal(const std::filesystem::path& path, const std::vector<Sample>& samples);

// The row of a sample that was answered, with its score.
Json answered_row(const Sample& sample, const std::string& answer);
// The row of a sample that has no answer.
Json error_row(const Sample& sample, const std::string& error);

// Answers the samples that wait in the journal; those that do not fit into the model get an error.
// Decodes as each sample says, to the end-of-sequence token, a stop text or the sample's limit; a
// thinking as `options` say, without regard to stop texts.
// Draws depend on the seed and the sample's id alone.
AnsweredSamples answer_samples(const Subject& subject,
                               const std::vector<Sample>& samples,
                               const AnswerOptions& options,
                               SampleJournal& journal);

}  // namespace retmask::eval
