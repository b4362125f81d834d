#pragma once
// Equality of mathematical answers in LaTeX by value.

#include <string_view>

namespace retmask::metrics {

struct MathEquality {
  // If one side is a decimal number, values that agree after rounding to so many places are equal
  // (1/3 and 0.33333). 0: no rounding.
  int decimals = 0;
};

// Whether both are the same number, expression, tuple, interval, set, list, matrix or equation.
// Rational numbers compare exactly; other expressions (roots, powers, pi, functions, variables) by
// their values at a few points, to a relative 1e-9. Tuples, intervals and matrices compare element
// by element, sets and lists ("1, 2") in any order. "x = 5" equals "5", and "50\%" both "0.5" and
// "50". What cannot be parsed is equal only to the same text.
bool is_equal_math(std::string_view a, std::string_view b, const MathEquality& rules = {});

}  // namespace retmask::metrics
