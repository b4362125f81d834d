#pragma once
// Compares runs of the same suites, sample by sample.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/metrics/bootstrap.h"

namespace retmask::eval {

// A task at one length, or all of a suite's. "Others" are the runs after the first, in order.
struct ComparedTask {
  std::string run = {};  // the folder within the compared ones; empty if they are the runs
  std::string suite = {};
  std::string task = {};
  Json length = {};                                   // null if the suite has none
  std::string unit = {};                              // of the scores: "0 to 1"
  int64_t samples = 0;                                // with a score in every run
  int64_t missing = 0;                                // the others
  std::vector<double> scores = {};                    // means over `samples`; NaN without any
  std::vector<double> difference = {};                // of the others to the first
  std::vector<Interval> interval = {};                // of the difference: paired bootstrap
  std::vector<std::optional<double>> sign_test = {};  // p, where all scores are 0 or 1
};

struct Comparison {
  std::vector<std::string> names;     // of the runs, from their folders
  std::vector<ComparedTask> rows;     // per suite, task and length
  std::vector<ComparedTask> overall;  // per suite with several rows: over all their samples
};

// Each of `dirs` is the output folder of a run of eval, or holds such folders with the same names
// as the others. Samples are paired by their ids. Throws UserError if a folder evaluated other
// samples than the first.
Comparison compare_runs(const std::vector<std::filesystem::path>& dirs,
                        const BootstrapOptions& options);

// {"names", "confidence", "resamples", "seed", "rows": [{"run" (if any), "suite", "task", "length",
// "samples", "missing", "unit", "scores": [one per run], "difference": [of the others], "interval":
// [[low, high], ...], "sign_test": [p or null, ...]}, ...], "overall": rows of the same form}.
// Scores are those of predictions.jsonl: from 0 to 1 also where the suite's own tables have
// percentages.
Json comparison_json(const Comparison& comparison, const BootstrapOptions& options);

}  // namespace retmask::eval
