#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "detect_sections.h"
#include "json_text.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

struct VerifiedMask {
  std::string_view mask;  // in verify.json
  std::string_view name;
};

constexpr std::array<VerifiedMask, 3> kMasks = {{{"retrieval", "highest scores masked"},
                                                 {"random", "random heads masked"},
                                                 {"bottom", "lowest scores masked"}}};

struct VerifiedPoint {
  std::string mask;
  int64_t k = 0;
  double rate = 0;
  ValueInterval interval;
  double needle_logprob = 0;   // NaN: unknown
  double parametric_rate = 0;  // NaN: unknown
  ValueInterval parametric_interval;
};

std::vector<VerifiedPoint> read_curve(const Json& verify, const std::string& where) {
  std::vector<VerifiedPoint> curve;
  for (const Json& row : json_get<std::vector<Json>>(verify, "curve", where)) {
    VerifiedPoint point{.mask = json_get<std::string>(row, "mask", where),
                        .k = json_get<int64_t>(row, "k", where),
                        .rate = json_get<double>(row, "rate", where),
                        .interval = interval_of(row, "rate_interval", where),
                        .needle_logprob = number_or_none(row, "needle_logprob", where),
                        .parametric_rate = number_or_none(row, "parametric_rate", where),
                        .parametric_interval = interval_of(row, "parametric_interval", where)};
    if (std::ranges::find(kMasks, point.mask, &VerifiedMask::mask) == kMasks.end())
      user_error(where, ": \"mask\" is \"", point.mask, "\", expected retrieval, random or bottom");
    curve.push_back(std::move(point));
  }
  std::ranges::stable_sort(curve, {}, &VerifiedPoint::k);
  return curve;
}

// The values of one mask that are known.
Series verified_series(const std::vector<VerifiedPoint>& curve,
                       std::string_view mask,
                       std::string name,
                       double VerifiedPoint::*value) {
  Series series{.name = std::move(name), .points = {}};
  for (const VerifiedPoint& point : curve) {
    if (point.mask != mask || std::isnan(point.*value)) continue;
    series.points.emplace_back(static_cast<double>(point.k), point.*value);
    series.labels.push_back("with " + std::to_string(point.k) + " heads masked");
    series.intervals.push_back(value == &VerifiedPoint::rate ? point.interval
                               : value == &VerifiedPoint::parametric_rate
                                   ? point.parametric_interval
                                   : ValueInterval{});
  }
  return series;
}

LineChart verified_chart(const std::vector<VerifiedPoint>& curve,
                         const std::string& title,
                         const std::string& y_label,
                         double VerifiedPoint::*value) {
  LineChart chart{.title = title, .x_label = "heads masked", .y_label = y_label, .series = {}};
  for (const VerifiedMask& mask : kMasks) {
    Series series = verified_series(curve, mask.mask, std::string(mask.name), value);
    if (!series.points.empty()) chart.series.push_back(std::move(series));
  }
  return chart;
}

Table verified_table(const std::vector<VerifiedPoint>& curve) {
  Table table{.columns = {"masked",
                          "heads",
                          "answers right",
                          "interval",
                          "needle log-prob",
                          "right without context"},
              .rows = {}};
  for (const VerifiedMask& mask : kMasks) {
    for (const VerifiedPoint& point : curve) {
      if (point.mask != mask.mask) continue;
      table.rows.push_back({point.mask,
                            std::to_string(point.k),
                            format_number(point.rate, 3),
                            format_interval(point.interval),
                            format_number(point.needle_logprob, 3),
                            format_number(point.parametric_rate, 3)});
    }
  }
  return table;
}

// A choice without k: masking changed too little.
std::string choice_text(const Json& choice) {
  return choice.contains("k") && choice["k"].is_null()
             ? "no number of heads, since the intervals with and without masked heads overlap"
             : text_of(choice);
}

}  // namespace

HtmlFragment verify_section(const RunFolder& run) {
  HtmlFragment section;
  std::error_code error;
  if (!std::filesystem::exists(run.dir / "verify.json", error)) return section;
  const std::string where = run.where("verify.json");
  const Json verify = run.read("verify.json");
  const std::vector<VerifiedPoint> curve = read_curve(verify, where);
  section.subheading("Do the heads matter?");
  section.paragraph(
      "The needle test with heads masked. If the highest scores belong to retrieval heads, masking "
      "them stops the model from finding needles, while random heads and those with the lowest "
      "scores change little. Short questions without a context are the control: if they failed as "
      "well, the model would merely be broken.");
  if (curve.empty()) return section;
  LineChart rates = verified_chart(
      curve, "Right answers with heads masked", "share of right answers", &VerifiedPoint::rate);
  rates.from_zero = true;
  Series control = verified_series(
      curve, "retrieval", "highest scores masked, no context", &VerifiedPoint::parametric_rate);
  if (!control.points.empty()) rates.series.push_back(std::move(control));
  section.figure({"verify", line_chart_svg(rates)}, "Bars: interval of the rate.");
  const LineChart logprobs = verified_chart(curve,
                                            "Log-probability of the needle with heads masked",
                                            "mean log-prob",
                                            &VerifiedPoint::needle_logprob);
  if (!logprobs.series.empty()) section.figure({"needle_logprob", line_chart_svg(logprobs)});
  section.table(verified_table(curve));
  if (verify.contains("choice") && !verify["choice"].is_null())
    section.paragraph("Chosen from this curve: " + choice_text(verify["choice"]) + ".");
  return section;
}

}  // namespace retmask
