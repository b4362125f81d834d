#include <cmath>

#include "retmask/eval/compare.h"

namespace retmask::eval {
namespace {

Json rows_json(const std::vector<ComparedTask>& rows) {
  const auto number = [](double value) { return std::isnan(value) ? Json() : Json(value); };
  Json list = Json::array();
  for (const ComparedTask& row : rows) {
    Json entry = Json::object();
    if (!row.run.empty()) entry["run"] = row.run;
    entry["suite"] = row.suite;
    entry["task"] = row.task;
    entry["length"] = row.length;
    entry["samples"] = row.samples;
    entry["missing"] = row.missing;
    entry["unit"] = row.unit;
    for (const char* key : {"scores", "run_scores", "difference", "interval", "sign_test"}) {
      entry[key] = Json::array();
    }
    for (const double score : row.scores) entry["scores"].push_back(number(score));
    for (const auto& of_group : row.run_scores) {
      entry["run_scores"].push_back(Json::array());
      for (const double score : of_group) entry["run_scores"].back().push_back(number(score));
    }
    for (const double value : row.difference) entry["difference"].push_back(number(value));
    for (const Interval& interval : row.interval) entry["interval"].push_back(to_json(interval));
    for (const auto& p : row.sign_test) entry["sign_test"].push_back(p ? Json(*p) : Json());
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

Json comparison_json(const Comparison& comparison, const BootstrapOptions& options) {
  Json names = Json::array();
  Json runs = Json::array();
  for (const RunGroup& group : comparison.groups) {
    names.push_back(group.name);
    runs.push_back(Json::array());
    for (const auto& dir : group.dirs) runs.back().push_back(dir.string());
  }
  return {{"names", std::move(names)},
          {"runs", std::move(runs)},
          {"confidence", options.confidence},
          {"resamples", options.resamples},
          {"seed", options.seed},
          {"rows", rows_json(comparison.rows)},
          {"overall", rows_json(comparison.overall)}};
}

}  // namespace retmask::eval
