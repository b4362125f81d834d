#pragma once
// Formatting and parsing of numbers as in Python.

#include <optional>
#include <string>
#include <string_view>

#include "value.h"

namespace retmask::jinja {

std::string int_text(Int value);
// In base 2, 8, 10 or 16, without a prefix, with a leading sign.
std::string int_text(Int value, int base);
std::string float_repr(double value);

// int(text, base) and float(text), which accept surrounding white space, underscores and digits of
// any script; nullopt for a ValueError in Python. Throws PythonError beyond 128 bits.
std::optional<Int> parse_int(std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);
// int(value) of a finite number; throws PythonError (kOverflow) otherwise.
Int int_of_float(double value);

// An index or count: an int clamped to 64 bits. Throws a TypeError for other kinds.
int64_t index_of(const Value& value);

}  // namespace retmask::jinja
