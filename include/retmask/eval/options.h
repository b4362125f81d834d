#pragma once
// Options of eval's suites.

#include <cstdint>
#include <optional>

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
  int64_t batch_tokens = 8192;              // most tokens computed together, at least one question
  std::optional<int64_t> max_samples = {};  // questions per task, the first; unset: all

  // Throws UserError.
  void validate() const;
};

struct LogprobOptions {
  int64_t batch_tokens = 8192;  // most tokens per forward pass, which has at least one row
  std::optional<int64_t> max_samples = {};  // rows, the first; unset: all

  // Throws UserError.
  void validate() const;
};

}  // namespace retmask::eval
