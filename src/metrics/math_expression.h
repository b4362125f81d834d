#pragma once
// Values of expressions in a subset of LaTeX.

#include <optional>
#include <string_view>

#include "math_number.h"

namespace retmask::metrics {

// The value of numbers, + - \cdot \times \div /, powers, \frac, \sqrt, factorials, percent, |...|,
// \pi, i, sine and the like, with products without a sign; nullopt for anything else. A variable
// (one letter, with its subscript) has a value that depends on its name and on `point`.
std::optional<MathNumber> evaluate_math(std::string_view latex, int point);

}  // namespace retmask::metrics
