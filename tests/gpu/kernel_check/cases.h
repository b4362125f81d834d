#pragma once
// The cases of kernel_check: each runs a kernel on random input and compares it with plain loops in
// float64. They run on a GPU (kernel_check) and in the CPU emulation (kernel_check_emulated).

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "retmask/kernels/bfloat16.h"

namespace retmask::testing {

struct Case {
  std::string name;  // parts separated by slashes
  double tolerance;
  // The largest error. Throws std::runtime_error if what must be exact is not, or a kernel failed.
  std::function<double()> run;
};

std::vector<Case> adamw_cases();
std::vector<Case> attention_cases();
std::vector<Case> rotate_cases();
std::vector<Case> sampling_cases();
std::vector<Case> silu_cases();

template <typename Element>
inline const char* const kElementName = sizeof(Element) == 2 ? "bfloat16" : "float32";

// An element type's rounding, and as many roundings of float32 as a kernel's sums have.
template <typename Element>
inline constexpr double kTolerance = sizeof(Element) == 2 ? 0x1p-8 : 1e-5;

template <typename Element>
Element to_element(double value) {
  Element element;
  kernels::narrow(static_cast<float>(value), element);
  return element;
}

// Standard normal.
template <typename Element>
std::vector<Element> random_values(size_t size, std::mt19937& random) {
  std::normal_distribution<double> normal;
  std::vector<Element> values(size);
  for (Element& value : values) value = to_element<Element>(normal(random));
  return values;
}

template <typename Element>
std::vector<Element> nans(size_t size) {
  return std::vector<Element>(size, to_element<Element>(std::numeric_limits<double>::quiet_NaN()));
}

// The largest |found - expected|, relative to |expected| or, where that is larger, to the root of
// the mean square of all. Where a NaN is expected, or found, the other must be one too.
template <typename Element>
double largest_error(const std::vector<Element>& found, const std::vector<double>& expected) {
  double squares = 0;
  size_t numbers = 0;
  for (const double value : expected) {
    if (std::isnan(value)) continue;
    squares += value * value;
    ++numbers;
  }
  const double usual = numbers == 0 ? 1 : std::sqrt(squares / static_cast<double>(numbers));
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double value = kernels::widen(found[i]);
    if (std::isnan(value) != std::isnan(expected[i])) {
      throw std::runtime_error("element " + std::to_string(i) + " is " + std::to_string(value) +
                               ", expected " + std::to_string(expected[i]));
    }
    if (std::isnan(value)) continue;
    const double error = std::abs(value - expected[i]);
    if (error > 0) largest = std::max(largest, error / std::max(std::abs(expected[i]), usual));
  }
  return largest;
}

}  // namespace retmask::testing
