#pragma once
// Which decoding steps emit the needle's answer.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/niah/sample.h"

namespace retmask::detect {

// Steps of the first place where `tokens` are needle_tokens, else where their text is real_needle
// but for upper and lower case (of ASCII letters). Empty: nowhere. `texts`: token_texts(tokens).
// LOCOS's detectors/contrastive.py: identify_answer_steps.
std::vector<size_t> answer_steps(const std::vector<int64_t>& tokens,
                                 const niah::Sample& sample,
                                 const std::vector<std::string>& texts);

}  // namespace retmask::detect
