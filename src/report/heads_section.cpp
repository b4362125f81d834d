#include <algorithm>
#include <limits>
#include <numeric>

#include "retmask/base/head_scores.h"
#include "retmask/report/detect_report.h"
#include "run_sections.h"

namespace retmask {
namespace {

// head_scores.json; without samples no head has data.
HeadMeans mean_scores(const RunFolder& run) {
  const HeadScores scores =
      parse_head_scores(run.read("head_scores.json"), run.where("head_scores.json"));
  HeadMeans means = scores.means();
  if (scores.num_samples() == 0) {
    for (auto& [head, mean] : means) mean = std::numeric_limits<double>::quiet_NaN();
  }
  return means;
}

// NaN of nothing: a mask of given heads has no scores.
double mean_of(const std::vector<double>& values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<DetectReport::Sample> read_samples(const RunFolder& run) {
  std::vector<DetectReport::Sample> samples;
  const std::string where = run.where("samples.jsonl");
  for (const Json& row : run.read_lines("samples.jsonl")) {
    if (row.contains("right") && row.at("right").is_null()) continue;  // not answered
    samples.push_back({.length = json_get<int64_t>(row, "length", where),
                       .depth = json_get<double>(row, "depth_fraction", where),
                       .success = json_get<bool>(row, "right", where)});
  }
  return samples;
}

// The first mask of retrieval heads; masks of random heads are controls.
const RunFolder* retrieval_mask(const RunFolders& masks) {
  for (const RunFolder& mask : masks) {
    if (mask.read("mask.json").value("select", "retrieval") == "retrieval") return &mask;
  }
  return nullptr;
}

std::vector<Head> masked_heads(const RunFolder& mask) {
  std::vector<Head> heads;
  for (const auto& [layer, head] : json_get<std::vector<std::pair<int64_t, int64_t>>>(
           mask.read("mask.json"), "heads", mask.where("mask.json")))
    heads.push_back({layer, head});
  return heads;
}

void add_glance(Table& glance, const RunFolder& run, const DetectReport& report) {
  const Table top = top_heads(report, 1);
  const auto right = std::count_if(
      report.samples.begin(), report.samples.end(), [](const DetectReport::Sample& sample) {
        return sample.success;
      });
  glance.rows.push_back({run.name,
                         run.command,
                         std::to_string(right) + " of " + std::to_string(report.samples.size()) +
                             " answers right; best head " + top.rows.front()[1] + " with score " +
                             top.rows.front()[2]});
}

}  // namespace

HtmlFragment heads_section(const RunFolders& detections, const RunFolders& masks, Table& glance) {
  HtmlFragment section;
  section.heading("Retrieval heads");
  section.paragraph(
      "A head copies a token of the needle if it attends to that token at the step when the model "
      "generates it.");
  const RunFolder* mask = retrieval_mask(masks);
  for (const RunFolder& run : detections) {
    DetectReport report{.model = run.name,
                        .scores = score_table(mean_scores(run)),
                        .marked = {},
                        .marked_label = {},
                        .samples = read_samples(run),
                        .facts = {}};
    if (mask != nullptr) {
      report.marked = masked_heads(*mask);
      report.marked_label = "masked by " + mask->name;
    }
    if (detections.size() > 1) section.subheading(run.name);
    section.append(detect_section(report));
    add_glance(glance, run, report);
  }
  return section;
}

HtmlFragment masks_section(const RunFolders& masks, Table& glance) {
  HtmlFragment section;
  section.heading("Masks");
  section.paragraph(
      "Heads whose columns of W_o are set to zero. A mask of other heads serves as the control.");
  Table table{.columns = {"run", "heads off", "selected", "mean score", "heads (layer-head)"},
              .rows = {}};
  for (const RunFolder& run : masks) {
    const std::string where = run.where("mask.json");
    const Json spec = run.read("mask.json");
    const std::vector<Head> heads = masked_heads(run);
    const auto select = json_get<std::string>(spec, "select", where);
    const double score = mean_of(json_get_or<std::vector<double>>(spec, "mean_scores", {}, where));
    std::string list;
    for (const Head& head : heads) list += (list.empty() ? "" : ", ") + to_string(head);
    table.rows.push_back(
        {run.name, std::to_string(heads.size()), select, format_number(score, 3), list});
    glance.rows.push_back(
        {run.name, run.command, std::to_string(heads.size()) + " heads off (" + select + ")"});
  }
  section.table(table);
  return section;
}

}  // namespace retmask
