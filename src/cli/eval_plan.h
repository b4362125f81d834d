#pragma once
// Memory and time of a run of long prompts, before it starts.

#include <vector>

#include "eval_suites.h"
#include "retmask/eval/sample.h"

namespace retmask::cli {

// Logs, for each length, the samples with their tokens and the operations of reading the prompts,
// and the memory of the longest; with the time that the operations take at the measured speed of a
// matrix product, which no run reaches.
void log_plan(const Evaluation& evaluation, const std::vector<eval::Sample>& samples);

}  // namespace retmask::cli
