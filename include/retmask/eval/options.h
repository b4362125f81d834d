#pragma once
// Options of eval's suites.

#include <cstdint>

#include "retmask/eval/thinking.h"
#include "retmask/niah/grid.h"

namespace retmask::eval {

struct NiahOptions {
  niah::GridOptions grid;
  int64_t batch_size = 8;  // samples per batch
  ThinkingOptions thinking = {};

  // Throws UserError.
  void validate() const;
};

struct ChoiceOptions {
  int64_t batch_tokens = 8192;  // most tokens computed together, at least one question

  // Throws UserError.
  void validate() const;
};

struct LogprobOptions {
  int64_t batch_tokens = 8192;  // most tokens per forward pass, which has at least one row

  // Throws UserError.
  void validate() const;
};

}  // namespace retmask::eval
