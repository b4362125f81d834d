#pragma once
// Options of detect.

#include <cstdint>
#include <string>

#include "retmask/niah/grid.h"

namespace retmask::detect {

// Measure of a head's score for one sample. Source of each formula: the head of its file in
// src/detect.
enum class Scorer {
  copy,   // how much of the needle it copies into the answer (Ma & Okazaki, Eq. 1; Wu et al. 2025)
  logit,  // how much it raises the answer's logits out of the needle (LOCOS, arXiv 2607.01002)
  query,  // how much more the question attends to the needle than a null question does (QRHead,
          // arXiv 2506.09944)
  ablation,  // how much the needle's mean log-prob drops when this head alone is masked
};
// Whether the scorer reads the model's own answers, and counts only right ones.
bool reads_answers(Scorer scorer);

// Scorer::copy: score of a head for one sample. A copying step is one at which the head's largest
// attention weight is on a needle token equal to the generated token.
enum class Scoring {
  set,    // distinct tokens copied / distinct tokens of the needle (Ma & Okazaki, Eq. 1)
  steps,  // copying steps / length of the needle, as in the published implementation; can exceed 1
};

// When an answer ends, other than at max_new_tokens.
enum class StopRule {
  eos,        // at one of the checkpoint's EOS ids
  reference,  // at the token "<0x0A>" or id 144, as in the published implementation: in practice
              // never
};

std::string to_string(Scorer scorer);
std::string to_string(Scoring scoring);
std::string to_string(StopRule rule);
// Throw UserError listing the known names.
Scorer parse_scorer(const std::string& name);
Scoring parse_scoring(const std::string& name);
StopRule parse_stop_rule(const std::string& name);

struct Options {
  niah::GridOptions grid = {};
  Scorer scorer = Scorer::copy;
  Scoring scoring = Scoring::set;
  StopRule stop = StopRule::eos;
  int64_t batch_size = 8;      // samples per batch
  int64_t kv_cache_bytes = 0;  // as in GeneratorOptions; the memory plan's

  // Throws UserError.
  void validate() const;
};

}  // namespace retmask::detect
