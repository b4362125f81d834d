#pragma once
// Subject of an evaluation: a model with its tokenizer and masked heads.

#include <vector>

#include "retmask/model/inference.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::eval {

struct Subject {
  const InferenceLm& model;
  const Tokenizer& tokenizer;
  HeadMask masked_heads = {};
  std::vector<int64_t> eos_token_ids = {};  // an answer ends at any of these
};

}  // namespace retmask::eval
