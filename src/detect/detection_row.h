#pragma once
// Rows of samples.jsonl: sample, answer and head scores.

#include <string>

#include "retmask/base/json.h"
#include "retmask/detect/detect.h"

namespace retmask::detect {

// {<the sample>, "recall", "right", "answer", "scores": {"18-6": 0.5, ...}}, and for Scorer::copy
// "steps": [{"text", "copied_by": ["18-6", ...]}, ...]. The first three are null without an answer,
// the scores without anything to score.
Json to_row(const niah::Sample& sample, const Detection& detection, Scorer scorer);
// Throws UserError with `where` if the row is malformed.
Detection from_row(const Json& row, const std::string& where);

}  // namespace retmask::detect
