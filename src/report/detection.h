#pragma once
// The files of a detect run.

#include <optional>
#include <string>
#include <vector>

#include "retmask/report/run_report.h"
#include "run_folder.h"

namespace retmask {

// A sample of the needle grid.
struct GridSample {
  int64_t length = 0;  // context length in tokens
  double depth = 0;    // 0: start of the context, 1: its end
  bool success = false;
};
// Of a row of samples.jsonl; empty if it has no answer.
std::optional<GridSample> grid_sample(const Json& row, const std::string& where);
// Both axes ascending.
SuccessGrid success_grid(const std::vector<GridSample>& samples, const std::string& title);

struct Detection {
  std::string name;  // of the run
  ScoredHeads heads;
  std::string scorer;
  double threshold = 0;             // of the run; NaN: none
  std::vector<Json> rows;           // samples.jsonl
  std::vector<GridSample> samples;  // those with an answer: some scorers read none
  Json summary;

  // "17 of 30 answers right"
  std::string outcome() const;
};

// Heads have NaN as mean if no sample counted; none is marked.
Detection read_detection(const RunFolder& run);

}  // namespace retmask
