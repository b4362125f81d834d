#pragma once
// HELMET's tables from the rows of predictions.jsonl (scripts/collect_results.py there).

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval {

struct HelmetResultOptions {
  // The judge's scores of LongQA and Summ are replaced by ROUGE-L F1, which needs no judge.
  bool rouge_proxy = false;
  Json left_out = Json::array();  // HelmetSamples::left_out
};

// All scores are percentages, as HELMET's. {"suite", "proxy": "rougeL_f1" or null,
//  "tasks": [{"task", "category", "length", "variant" (if any), "metric", "score": null if there is
//    no such metric yet, "total", "errors", "metrics": {name: mean over the rows that have it},
//    "missing": metrics of the tables that judges or NLI have not given}, ...],
//  "categories": [{"category", "length", "score", "columns": those with a value, "of": those
//    of the table, "missing": those that judges or NLI have not given}, ...],
//  "average": [{"length", "score": mean of the categories; null if one has none, "missing": those},
//    ...], "left_out", "errors"}.
// The score of a category is the mean of its columns, as HELMET's even if data sets were not run;
// null if a data set was run but a judge's or NLI's metric of it is missing.
Json helmet_results_json(const std::vector<Json>& rows, const HelmetResultOptions& options);

}  // namespace retmask::eval
