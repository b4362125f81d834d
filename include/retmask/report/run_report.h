#pragma once
// The report of one run, in its own folder, from the files that the command wrote there; and the
// table of heads that detect prints.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/report/svg.h"
#include "retmask/report/table.h"

namespace retmask {

// <dir>/report.html with each of its pictures as an SVG file, of a run of
//   detect: heads.svg, score_curve.svg, success.svg, verify.svg, needle_logprob.svg
//   detect --compare: comparison.svg for each pair
//   eval --suite helmet: helmet_lengths.svg
//   eval --compare: differences-SUITE.svg, and helmet_lengths.svg of runs of helmet
// Nothing in them depends on the time or the machine. Throws UserError for a file that is missing
// or not understood.
void write_run_report(const std::filesystem::path& dir);

struct ScoredHeads {
  HeadMeans means;
  std::map<Head, ValueInterval> intervals = {};       // of the means, where known
  std::map<Head, ValueInterval> rank_intervals = {};  // of the ranks, likewise
  std::vector<Head> marked = {};                      // the retrieval heads
  std::string marked_label = {};                      // their criterion: "score of at least 0.1"
};

// Marks the heads with a mean of at least `threshold`.
void mark_from(ScoredHeads& heads, double threshold);

// The `count` heads with the highest means: rank, head, score, the intervals of score and rank if
// any is known, and whether the head is marked.
Table top_heads(const ScoredHeads& heads, size_t count);

}  // namespace retmask
