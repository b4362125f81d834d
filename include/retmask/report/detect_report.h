#pragma once
// The charts and tables of a detection run.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/report/html.h"
#include "retmask/report/svg.h"
#include "retmask/report/table.h"

namespace retmask {

// [layers][heads]; NaN for a head that is not listed.
std::vector<std::vector<double>> score_table(const HeadMeans& means);

// Plain data, so that this layer does not depend on detect.
struct DetectReport {
  std::string model;                        // as given by the user
  std::vector<std::vector<double>> scores;  // score_table() of the means over correct samples
  std::vector<Head> marked;                 // the retrieval heads
  std::string marked_label;                 // the criterion: "score of at least 0.1"
  // What a score is; averaged over the samples.
  std::string score_meaning = "the share of the needle's tokens that the head copied";

  struct Sample {
    int64_t length = 0;  // context length in tokens
    double depth = 0;    // 0: start of the context, 1: its end
    bool success = false;
  };
  std::vector<Sample> samples;  // those answered: none if the scores need no answers
  Table facts;                  // two columns, shown as given: how the scores were measured
};

// Successes by length and depth; both axes ascending.
SuccessGrid success_grid(const std::vector<DetectReport::Sample>& samples,
                         const std::string& title);

// The `count` heads with the highest scores: rank, head, score, whether marked.
Table top_heads(const DetectReport& report, size_t count);

// Headings, charts and tables, for embedding in a larger page.
HtmlFragment detect_section(const DetectReport& report);

// Writes <dir>/heads.svg and <dir>/report.html. Throws UserError when they cannot be written.
void write_detect_report(const std::filesystem::path& dir, const DetectReport& report);

}  // namespace retmask
