#pragma once
// Numbers as Python writes and reads them.

#include <optional>
#include <string>
#include <string_view>

#include "value.h"

namespace retmask::jinja {

std::string int_text(Int value);
// In base 2, 8, 10 or 16, without a prefix; the sign in front.
std::string int_text(Int value, int base);
std::string float_repr(double value);

// int(text, base) and float(text), which allow white space around, underscores and digits of any
// script; nullopt where Python raises a ValueError. Throws PythonError when it is beyond 128 bits.
std::optional<Int> parse_int(std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);
// int(value) of a finite number; throws PythonError (kOverflow) otherwise.
Int int_of_float(double value);

// An index or count: an int that is cut to 64 bits at both ends. Throws a TypeError for other
// kinds.
int64_t index_of(const Value& value);

}  // namespace retmask::jinja
