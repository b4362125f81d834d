#include <algorithm>
#include <cmath>
#include <limits>

#include "json_text.h"
#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "run_sections.h"

namespace retmask {
namespace {

struct Curve {
  const char* key;  // in metrics.jsonl
  const char* title;
  const char* y_label;
};

constexpr Curve kCurves[] = {{"loss", "Loss", "loss"},
                             {"margin", "Reward margin, chosen over rejected", "margin"},
                             {"accuracy", "Pairs with the right order", "share of pairs"},
                             {"grad_norm", "Gradient norm before clipping", "norm"},
                             {"lr", "Learning rate", "rate"}};

struct Training {
  std::string name;
  std::string where;
  std::vector<Json> steps;
};

// Values that a loss does not have (rewards of sft) are null in the file and gaps in the chart.
Series series_of(const Training& training, const std::string& key, const std::string& name) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Series series{.name = name, .points = {}};
  for (const Json& step : training.steps) {
    series.points.emplace_back(json_get<double>(step, "step", training.where),
                               json_get_or<double>(step, key, kNone, training.where));
  }
  return series;
}

bool has_values(const LineChart& chart) {
  return std::any_of(chart.series.begin(), chart.series.end(), [](const Series& series) {
    return std::any_of(series.points.begin(), series.points.end(), [](const auto& point) {
      return !std::isnan(point.second);
    });
  });
}

LineChart rewards_chart(const std::vector<Training>& trainings) {
  LineChart chart{.title = "Rewards", .x_label = "step", .y_label = "reward", .series = {}};
  for (const Training& training : trainings) {
    const std::string prefix = trainings.size() > 1 ? training.name + " " : "";
    chart.series.push_back(series_of(training, "rewards_chosen", prefix + "chosen"));
    chart.series.push_back(series_of(training, "rewards_rejected", prefix + "rejected"));
  }
  return chart;
}

std::string outcome(const Training& training) {
  const auto at = [&](const Json& step, const char* key) {
    return format_number(json_get<double>(step, key, training.where));
  };
  const Json& last = training.steps.back();
  std::string text = std::to_string(training.steps.size()) + " steps, loss " +
                     at(training.steps.front(), "loss") + " to " + at(last, "loss");
  if (last.contains("margin") && !last["margin"].is_null())
    text += ", margin " + at(last, "margin") + " at the end";
  return text;
}

}  // namespace

HtmlFragment training_section(const RunFolders& runs, Table& glance) {
  HtmlFragment section;
  section.heading("Training");
  section.paragraph(
      "Metrics of each step. The reward of an answer is beta times the increase of its "
      "log-probability over the untrained model's.");
  std::vector<Training> trainings;
  for (const RunFolder& run : runs) {
    Training training{run.name, run.where("metrics.jsonl"), run.read_lines("metrics.jsonl")};
    if (training.steps.empty()) user_error(training.where, " has no steps");
    glance.rows.push_back({run.name, run.command, outcome(training)});
    trainings.push_back(std::move(training));
  }
  std::vector<LineChart> charts;
  for (const Curve& curve : kCurves) {
    LineChart chart{
        .title = curve.title, .x_label = "step", .y_label = curve.y_label, .series = {}};
    for (const Training& training : trainings) {
      chart.series.push_back(series_of(training, curve.key, training.name));
    }
    charts.push_back(std::move(chart));
  }
  charts.insert(charts.begin() + 1, rewards_chart(trainings));
  for (const LineChart& chart : charts) {
    if (has_values(chart)) section.figure({file_stem(chart.title), line_chart_svg(chart)});
  }
  return section;
}

}  // namespace retmask
