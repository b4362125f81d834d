#include <algorithm>
#include <cmath>
#include <ranges>
#include <set>

#include "detect_sections.h"
#include "run_sections.h"

namespace retmask {
namespace {

constexpr size_t kTopHeads = 10;

// What a score is, by scorer.
std::string meaning_of(const std::string& scorer) {
  if (scorer == "copy") {
    return "Score: the share of the needle's tokens that the head copied, averaged over the "
           "samples "
           "with right answers. A head copies a token of the needle if it attends to that token at "
           "the step when the model generates it.";
  }
  if (scorer == "logit") {
    return "Score: how much the head's output raises the logit of the needle's tokens when they "
           "are "
           "generated, against tokens outside of the needle.";
  }
  if (scorer == "query") {
    return "Score: the attention from the question to the needle, less that from a null question.";
  }
  if (scorer == "ablation") {
    return "Score: the drop of the needle's log-probability when the head alone is masked.";
  }
  return "Scores by the scorer \"" + scorer + "\".";
}

std::string verdict(const Detection& detection) {
  std::string text = "Scored on the needle grid: " + detection.outcome() + ".";
  const ScoredHeads& heads = detection.heads;
  if (!heads.marked_label.empty()) {
    text += " Outlined: " + std::to_string(heads.marked.size()) + " of " +
            std::to_string(heads.means.size()) + " heads, " + heads.marked_label + ".";
  }
  return text;
}

HeadMap head_map(const ScoredHeads& heads) {
  Head last;
  for (const auto& [head, mean] : heads.means) {
    last = {std::max(last.layer, head.layer), std::max(last.head, head.head)};
  }
  const auto columns = static_cast<size_t>(last.layer) + 1;
  const auto rows = static_cast<size_t>(last.head) + 1;
  HeadMap map{.title = "Retrieval score of each head",
              .values = {columns, std::vector<double>(rows, std::nan(""))},
              .marked = heads.marked,
              .marked_label = heads.marked_label};
  for (const auto& [head, mean] : heads.means) {
    map.values[static_cast<size_t>(head.layer)][static_cast<size_t>(head.head)] = mean;
  }
  if (heads.intervals.empty()) return map;
  map.intervals = {columns, std::vector<ValueInterval>(rows)};
  for (const auto& [head, interval] : heads.intervals) {
    if (!heads.means.contains(head)) continue;
    map.intervals[static_cast<size_t>(head.layer)][static_cast<size_t>(head.head)] = interval;
  }
  return map;
}

// The thresholds of the paper are shares of copied tokens.
std::vector<Level> levels_of(const Detection& detection) {
  std::set<double> thresholds;
  if (detection.scorer == "copy") thresholds = {0.05, 0.1};
  if (!std::isnan(detection.threshold)) thresholds.insert(detection.threshold);
  std::vector<Level> levels;
  for (const double level : thresholds | std::views::reverse) {
    const auto count = std::ranges::count_if(
        detection.heads.means, [&](const auto& entry) { return entry.second >= level; });
    levels.push_back(
        {level, std::to_string(count) + " heads at " + format_number(level) + " or more"});
  }
  return levels;
}

LineChart score_curve(const Detection& detection) {
  const ScoredHeads& heads = detection.heads;
  Series series{.name = "score", .points = {}};
  for (const auto& [head, mean] : ranked_heads(heads.means)) {
    const size_t rank = series.points.size() + 1;
    series.points.emplace_back(static_cast<double>(rank), mean);
    series.labels.push_back("of head " + to_string(head) + ", rank " + std::to_string(rank));
    if (heads.intervals.empty()) continue;
    const auto found = heads.intervals.find(head);
    series.intervals.push_back(found == heads.intervals.end() ? ValueInterval{} : found->second);
  }
  return {.title = "Scores in descending order",
          .x_label = "rank of the head (log scale)",
          .y_label = "score",
          .series = {std::move(series)},
          .levels = levels_of(detection),
          .log_x = true,
          .band = true,
          .from_zero = true};
}

HtmlFragment detection_section(const Detection& detection) {
  HtmlFragment section;
  section.paragraph(verdict(detection));
  section.append(certainty_notes(detection));
  section.figure({"heads", head_map_svg(head_map(detection.heads))}, meaning_of(detection.scorer));
  HtmlFragment all;
  all.table(top_heads(detection.heads, detection.heads.means.size()));
  section.details("All heads as a table", all);
  section.figure({"score_curve", line_chart_svg(score_curve(detection))},
                 detection.heads.intervals.empty() ? "" : "Band: interval of each head's score.");
  if (!detection.samples.empty()) {
    const std::string title = "Right answers by length and depth";
    section.figure({"success", success_grid_svg(success_grid(detection.samples, title))});
  }
  section.subheading("Heads with the highest scores");
  section.table(top_heads(detection.heads, kTopHeads));
  section.append(concentration_section(detection));
  return section;
}

// The first mask of retrieval heads; masks of random heads are controls.
const RunFolder* retrieval_mask(const RunFolders& masks) {
  for (const RunFolder& mask : masks) {
    if (mask.read("mask.json").value("select", "retrieval") == "retrieval") return &mask;
  }
  return nullptr;
}

}  // namespace

HtmlFragment heads_section(const RunFolders& detections, const RunFolders& masks, Table& glance) {
  HtmlFragment section;
  section.heading("Retrieval heads");
  const RunFolder* mask = retrieval_mask(masks);
  for (const RunFolder& run : detections) {
    Detection detection = read_detection(run);
    if (!std::isnan(detection.threshold)) mark_from(detection.heads, detection.threshold);
    if (mask != nullptr) {
      detection.heads.marked = masked_heads(*mask);
      detection.heads.marked_label = "masked by " + mask->name;
    }
    if (detections.size() > 1) section.subheading(run.name);
    section.append(detection_section(detection));
    section.append(verify_section(run));
    section.append(texts_section(detection, run.where("samples.jsonl")));

    const Table top = top_heads(detection.heads, 1);
    glance.rows.push_back({run.name,
                           run.command,
                           detection.outcome() + "; best head " + top.rows.front()[1] +
                               " with score " + top.rows.front()[2]});
  }
  return section;
}

}  // namespace retmask
