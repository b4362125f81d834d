#pragma once
// The model's own answer to a sample, for the scorers that read it.

#include <string>
#include <vector>

#include "head_scorer.h"

namespace retmask::detect {

// Greedy, without masked heads.
GenerationRequest answer_request(const niah::Sample& sample, const ScorerInput& input);

// The answer and its verdict; no scores yet.
Detection judged_answer(const niah::Sample& sample,
                        const std::vector<int64_t>& tokens,
                        const ScorerInput& input);

// The part of the answer's text that each token adds; together they are the answer. A character
// made of several tokens belongs to its last one.
std::vector<std::string> token_texts(const std::vector<int64_t>& tokens,
                                     const Tokenizer& tokenizer);

}  // namespace retmask::detect
