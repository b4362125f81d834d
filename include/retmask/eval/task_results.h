#pragma once
// results.json of the generative benchmarks, from the rows of predictions.jsonl.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval {

// {"suite", "tasks": [{"task", "length" (if its rows have one), "score": mean over the answered
// samples (null if there are none), "total": number of samples, "errors": those of them without an
// answer}, ...] in order of first occurrence, "by_length": [{"length", "score": mean over its
// tasks; null if one of them has none}, ...], "by_depth" (if rows have "depth"), "errors"}. Scores
// are 0..1.
Json task_results_json(const std::string& suite, const std::vector<Json>& rows);

// Checks the rows of an earlier run's predictions.jsonl as they are read.
class EarlierRows {
 public:
  // Throws UserError for a "length" that is no number, and for a sample that comes again.
  void check(const Json& row, const std::string& where);

 private:
  std::set<std::string> seen_;
};

// Reads the rows of an earlier run and judges their answers again. Throws UserError for a malformed
// row.
std::vector<Json> rescored_rows(const std::filesystem::path& predictions);

}  // namespace retmask::eval
