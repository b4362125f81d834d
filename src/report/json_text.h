#pragma once
// Values of result files as texts and numbers of a report.

#include <string>

#include "retmask/base/json.h"
#include "retmask/report/svg.h"

namespace retmask {

// Numbers as format_number() writes them, lists as "a, b", objects as "key a, key b"; null is
// empty.
std::string text_of(const Json& value);

// A name as part of a file's name: "Reward margin" -> "reward_margin".
std::string file_stem(const std::string& name);

// The end of a path that is too long for a label, in bytes.
std::string shortened(const std::string& path, size_t length = 52);

// NaN for a key that is missing or null.
double number_or_none(const Json& object, const std::string& key, const std::string& where);
// [low, high]; unknown for a key that is missing or null, and for [null, null].
ValueInterval interval_of(const Json& object, const std::string& key, const std::string& where);

}  // namespace retmask
