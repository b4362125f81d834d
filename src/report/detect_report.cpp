#include "retmask/report/detect_report.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>

#include "retmask/base/file.h"

namespace retmask {
namespace {

constexpr size_t kTopHeads = 10;

HeadMap head_map(const DetectReport& report) {
  return {.title = "Retrieval score of each head",
          .value_label = "score",
          .values = report.scores,
          .marked = report.marked,
          .marked_label = report.marked_label};
}

// Scores of all heads that have data.
std::vector<double> known_scores(const DetectReport& report) {
  std::vector<double> known;
  for (const auto& layer : report.scores) {
    std::copy_if(layer.begin(), layer.end(), std::back_inserter(known), [](double score) {
      return !std::isnan(score);
    });
  }
  return known;
}

std::string percent(double share) { return format_number(100 * share, 3) + " %"; }

std::string verdict(const DetectReport& report) {
  const auto right = std::count_if(
      report.samples.begin(), report.samples.end(), [](const DetectReport::Sample& sample) {
        return sample.success;
      });
  std::string text = report.samples.empty()
                         ? "The scores need no answers of the model, so all samples count."
                         : "The model answered " + std::to_string(right) + " of " +
                               std::to_string(report.samples.size()) +
                               " questions right; only these count towards the scores.";
  if (!report.marked.empty()) {
    const size_t heads = report.scores.size() * report.scores.front().size();
    text += " Outlined: " + std::to_string(report.marked.size()) + " of " + std::to_string(heads) +
            " heads, " + report.marked_label + ".";
  }
  return text;
}

}  // namespace

std::vector<std::vector<double>> score_table(const HeadMeans& means) {
  Head last;
  for (const auto& [head, mean] : means) {
    last = {std::max(last.layer, head.layer), std::max(last.head, head.head)};
  }
  std::vector<std::vector<double>> table(
      static_cast<size_t>(last.layer + 1),
      std::vector<double>(static_cast<size_t>(last.head + 1),
                          std::numeric_limits<double>::quiet_NaN()));
  for (const auto& [head, mean] : means) {
    table[static_cast<size_t>(head.layer)][static_cast<size_t>(head.head)] = mean;
  }
  return table;
}

SuccessGrid success_grid(const std::vector<DetectReport::Sample>& samples,
                         const std::string& title) {
  // depth -> length -> (correct, total)
  std::map<double, std::map<int64_t, std::pair<int64_t, int64_t>>> cells;
  std::set<int64_t> lengths;
  for (const auto& sample : samples) {
    auto& [right, all] = cells[sample.depth][sample.length];
    right += sample.success ? 1 : 0;
    ++all;
    lengths.insert(sample.length);
  }
  SuccessGrid grid{.title = title, .lengths = {}, .depths = {}, .successes = {}, .totals = {}};
  for (const int64_t length : lengths) grid.lengths.push_back(std::to_string(length));
  for (auto& [depth, row] : cells) {
    grid.depths.push_back(percent(depth));
    auto& successes = grid.successes.emplace_back();
    auto& totals = grid.totals.emplace_back();
    for (const int64_t length : lengths) {
      successes.push_back(row[length].first);
      totals.push_back(row[length].second);
    }
  }
  return grid;
}

Table top_heads(const DetectReport& report, size_t count) {
  HeadMeans means;
  for (size_t layer = 0; layer < report.scores.size(); ++layer) {
    for (size_t head = 0; head < report.scores[layer].size(); ++head)
      means[{static_cast<int64_t>(layer), static_cast<int64_t>(head)}] = report.scores[layer][head];
  }
  std::vector<HeadMean> heads = ranked_heads(means);
  heads.resize(std::min(heads.size(), count));

  const std::set<Head> marked(report.marked.begin(), report.marked.end());
  Table table{.columns = {"rank", "head (layer-head)", "score", "outlined"}, .rows = {}};
  for (const auto& [head, score] : heads) {
    table.rows.push_back({std::to_string(table.rows.size() + 1),
                          to_string(head),
                          std::isnan(score) ? "no data" : format_number(score),
                          marked.contains(head) ? "yes" : "no"});
  }
  return table;
}

HtmlFragment detect_section(const DetectReport& report) {
  HtmlFragment section;
  section.paragraph(verdict(report));
  section.figure(head_map_svg(head_map(report)),
                 "Score: " + report.score_meaning + ", averaged over the samples.");
  const std::vector<double> scores = known_scores(report);
  if (!scores.empty()) {
    section.figure(histogram_svg({.title = "Distribution of the scores",
                                  .x_label = "score",
                                  .y_label = "heads",
                                  .values = scores}));
  }
  if (!report.samples.empty()) {
    section.figure(
        success_grid_svg(success_grid(report.samples, "Right answers by length and depth")));
  }
  section.subheading("Heads with the highest scores");
  section.table(top_heads(report, kTopHeads));
  return section;
}

void write_detect_report(const std::filesystem::path& dir, const DetectReport& report) {
  write_file_atomic(dir / "heads.svg", head_map_svg(head_map(report)));
  HtmlFragment body = detect_section(report);
  body.heading("Method");
  body.table(report.facts);
  write_file_atomic(dir / "report.html", html_page("Retrieval heads of " + report.model, body));
}

}  // namespace retmask
