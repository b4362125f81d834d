#pragma once
// Subject of an evaluation: a model, its tokenizer and its masked heads.

#include <vector>

#include "retmask/model/inference.h"
#include "retmask/tokenizer/tokenizer.h"

namespace retmask::eval {

struct EvalSubject {
  const InferenceLm& model;
  const Tokenizer& tokenizer;
  std::vector<Head> masked_heads = {};
};

}  // namespace retmask::eval
