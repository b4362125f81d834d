#pragma once
// A line of samples.jsonl: what was asked, what was answered, which heads scored.

#include <string>

#include "retmask/base/json.h"
#include "retmask/detect/detect.h"

namespace retmask::detect {

Json to_row(const niah::Sample& sample, const Detection& detection);
// Throws UserError naming `where` for a row that is not one of ours.
Detection from_row(const Json& row, const std::string& where);

}  // namespace retmask::detect
