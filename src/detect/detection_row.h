#pragma once
// Rows of samples.jsonl: sample, answer and head scores.

#include <string>

#include "retmask/base/json.h"
#include "retmask/detect/detect.h"

namespace retmask::detect {

Json to_row(const niah::Sample& sample, const Detection& detection);
// Throws UserError with `where` if the row is malformed.
Detection from_row(const Json& row, const std::string& where);

}  // namespace retmask::detect
