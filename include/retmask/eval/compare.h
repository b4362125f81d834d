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

// Runs that are compared as one: of the same recipe, one per training seed.
struct RunGroup {
  std::string name = {};                         // empty: from the folder
  std::vector<std::filesystem::path> dirs = {};  // at least one; several only with a name
};

// "NAME=DIR[,DIR...]" is one group, "DIR[,DIR...]" one per folder. An existing folder is a DIR
// whatever its name. Throws UserError.
std::vector<RunGroup> parse_run_groups(const std::string& text);

// A task at one length, or all of a suite's. A group's score of a sample is the mean over its runs.
// "Others" are the groups after the first, in order.
struct ComparedTask {
  std::string run = {};  // the folder within the compared ones; empty if they are the runs
  std::string suite = {};
  std::string task = {};
  Json length = {};                                   // null if the suite has none
  std::string unit = {};                              // of the scores: "0 to 1"
  int64_t samples = 0;                                // with a score in every run of every group
  int64_t missing = 0;                                // the others
  std::vector<double> scores = {};                    // means over `samples`; NaN without any
  std::vector<std::vector<double>> run_scores = {};   // the same of each run, per group
  std::vector<double> difference = {};                // of the others to the first
  std::vector<Interval> interval = {};                // see bootstrap_seed_difference()
  std::vector<std::optional<double>> sign_test = {};  // p, for single runs with scores of 0 or 1
};

struct Comparison {
  std::vector<RunGroup> groups;       // all with a name
  std::vector<ComparedTask> rows;     // per suite, task and length
  std::vector<ComparedTask> overall;  // per suite with several rows: over all their samples
};

// What counts of a needle's answer: whether it was found, 0 or 1, or the recall by which that is
// decided, which tells small changes apart.
enum class NiahScore { success, recall };
// "success" or "recall". Throws UserError.
NiahScore parse_niah_score(const std::string& text);

// Each folder is the output folder of a run of eval, or holds such folders with the same names as
// the others. Samples are paired by their ids. Throws UserError if a folder evaluated other samples
// than the first.
Comparison compare_runs(std::vector<RunGroup> groups,
                        NiahScore niah_score,
                        const BootstrapOptions& options);

// {"names", "runs": [folders per name], "confidence", "resamples", "seed", "rows": [{"run" (if
// any), "suite", "task", "length", "samples", "missing", "unit", "scores": [one per name],
// "run_scores": [one per run] per name, "difference": [of the others], "interval": [[low, high],
// ...], "sign_test": [p or null, ...]}, ...], "overall": rows of the same form}. Scores are those
// of predictions.jsonl: from 0 to 1 also where the suite's own tables have percentages.
Json comparison_json(const Comparison& comparison, const BootstrapOptions& options);

}  // namespace retmask::eval
