#pragma once
// The charts and tables of a detection run.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "retmask/report/html.h"
#include "retmask/report/svg.h"
#include "retmask/report/table.h"

namespace retmask {

// Plain data, so that this layer does not depend on detect.
struct DetectReport {
  std::string model;                                // as given by the user
  std::vector<std::vector<double>> scores;          // [layers][heads], mean over correct samples
  std::vector<std::pair<int64_t, int64_t>> marked;  // (layer, head) of the retrieval heads
  std::string marked_label;                         // the criterion: "score of at least 0.1"

  struct Sample {
    int64_t length = 0;  // context length in tokens
    double depth = 0;    // 0: start of the context, 1: its end
    bool success = false;
  };
  std::vector<Sample> samples;
  Table facts;  // two columns, shown as given: how the scores were measured
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
