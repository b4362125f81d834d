#pragma once
// Metrics of generative benchmarks, by name: one row of a table each.

#include <string>

#include "retmask/base/json.h"

namespace retmask::eval {

// Adds "score" (0..1; 1 is right) and what else the metric reports to a row of predictions.jsonl,
// from its "metric", "answer" and "references" alone, so that answers can
// be judged again without the model. Throws UserError, which names `where`, for an unknown metric
// and a malformed row.
void score_row(Json& row, const std::string& where);

}  // namespace retmask::eval
