#pragma once
// Suite "qa": open-book questions, the passage that answers each hidden among passages of others
// (Liu et al. 2023, "Lost in the Middle", section 2), at any length.

#include <cstdint>
#include <vector>

#include "retmask/eval/passages.h"
#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct QaOptions {
  std::vector<int64_t> lengths = {4096};  // most tokens of a prompt
  int64_t depths = 10;                    // places of the gold passage, one per sample in turn
  int64_t max_samples = 100;              // per length
  uint64_t seed = 0;

  // Throws UserError.
  void validate() const;
};

// Samples by length and question, in the order of the questions. Throws UserError for a length that
// is too small for a question.
std::vector<Sample> build_qa_samples(const QaOptions& options,
                                     const std::vector<PassageQuestion>& questions,
                                     const PromptEncoder& encoder,
                                     int64_t max_positions);

}  // namespace retmask::eval
