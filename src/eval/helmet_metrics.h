#pragma once
// Metrics of HELMET's tasks, from a row of predictions.jsonl (post_process of data.py there).

#include "retmask/base/json.h"

namespace retmask::eval::helmet {

// The output as HELMET scores it: behind the start of the answer, where the prompt ended with that.
std::string scored_output(const Json& row);

// {"score": the metric of the task's table (0..1), "metrics": {name: value}, "parsed" (if the
// metric parses the output)} for a "metric" of helmet.json. Throws UserError for a malformed row.
// Values are those of HELMET: 0..1, and percentages of ALCE's. Metrics that NLI or a judge decided
// are kept as the row has them.
Json score(const Json& row);
bool is_metric(const std::string& name);

// Whether NLI or a judge decides a metric, by the beginning of its name.
bool is_judged(const std::string& metric);
inline constexpr const char* kCitationMetrics = "citation_";
inline constexpr const char* kJudgeMetrics = "gpt-4";
// Removes those whose names begin so.
void erase_metrics(const std::string& prefix, Json& row);

// A mean of a metric as HELMET's result files have it: in percent, but the judge's scores as they
// are.
double reported_mean(const std::string& metric, double mean);

}  // namespace retmask::eval::helmet
