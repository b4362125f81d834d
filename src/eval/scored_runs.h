#pragma once
// The scores of earlier runs, sample by sample, of every suite.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/eval/compare.h"

namespace retmask::eval {

struct ScoredSample {
  std::string task = {};
  Json length = {};                  // null if the suite has none
  std::string id = {};               // unique within the task and length
  std::optional<double> score = {};  // nothing: the sample has no answer
  std::string reference = {};        // what the answer was compared with, where the row says it
};

struct ScoredRun {
  std::string name = {};  // of its folder within the compared one; empty if it is that one
  std::string suite = {};
  std::string unit = {};  // of its scores
  std::filesystem::path predictions = {};
  std::vector<ScoredSample> samples = {};
};

// Reads a run's folder, or all run folders that lie directly in `dir`, by name. Throws UserError
// for a folder without results and for rows without scores.
std::vector<ScoredRun> read_scored_runs(const std::filesystem::path& dir, NiahScore niah_score);

}  // namespace retmask::eval
