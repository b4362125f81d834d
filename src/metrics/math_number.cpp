#include "math_number.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace retmask::metrics {
namespace {

using Integer = MathNumber::Integer;

Integer greatest_common_divisor(Integer a, Integer b) {
  while (b != 0) a = std::exchange(b, a % b);
  return a < 0 ? -a : a;
}

// False if the product does not fit.
bool multiply(Integer a, Integer b, Integer& product) {
  return !__builtin_mul_overflow(a, b, &product);
}

}  // namespace

MathNumber::MathNumber(Integer numerator, Integer denominator) {
  const Integer divisor = greatest_common_divisor(numerator, denominator);
  const Integer sign = denominator < 0 ? -1 : 1;
  numerator_ = sign * numerator / divisor;
  denominator_ = sign * denominator / divisor;
  value_ = static_cast<double>(static_cast<long double>(numerator_) /
                               static_cast<long double>(denominator_));
}

MathNumber MathNumber::operator-() const {
  return is_exact() ? MathNumber(-numerator_, denominator_) : MathNumber(-value_);
}

MathNumber MathNumber::operator+(const MathNumber& other) const {
  Integer left = 0;
  Integer right = 0;
  Integer sum = 0;
  Integer denominator = 0;
  if (is_exact() && other.is_exact() && multiply(numerator_, other.denominator_, left) &&
      multiply(other.numerator_, denominator_, right) &&
      multiply(denominator_, other.denominator_, denominator) &&
      !__builtin_add_overflow(left, right, &sum)) {
    return {sum, denominator};
  }
  return MathNumber(value_ + other.value_);
}

MathNumber MathNumber::operator*(const MathNumber& other) const {
  Integer numerator = 0;
  Integer denominator = 0;
  if (is_exact() && other.is_exact() && multiply(numerator_, other.numerator_, numerator) &&
      multiply(denominator_, other.denominator_, denominator)) {
    return {numerator, denominator};
  }
  return MathNumber(value_ * other.value_);
}

std::optional<MathNumber> MathNumber::divided_by(const MathNumber& other) const {
  if (!other.is_exact()) return MathNumber(value_ / other.value_);
  if (other.numerator_ == 0) return {};
  return *this * MathNumber(other.denominator_, other.numerator_);
}

MathNumber MathNumber::to_the(const MathNumber& exponent) const {
  constexpr Integer kLargestExact = 200;
  const Integer power = exponent.numerator_;
  const bool is_exact_power = is_exact() && exponent.is_integer() && power >= -kLargestExact &&
                              power <= kLargestExact && (power >= 0 || numerator_ != 0);
  if (!is_exact_power) return MathNumber(std::pow(value_, exponent.value_));
  const MathNumber base = power < 0 ? MathNumber(denominator_, numerator_) : *this;
  MathNumber product(1);
  for (Integer i = 0; i < (power < 0 ? -power : power); ++i) product = product * base;
  return product;
}

bool MathNumber::equals(const MathNumber& other) const {
  if (is_exact() && other.is_exact()) {
    return numerator_ == other.numerator_ && denominator_ == other.denominator_;
  }
  const double size = std::max({1.0, std::abs(value_), std::abs(other.value_)});
  return std::abs(value_ - other.value_) <= 1e-9 * size;  // false for NaN
}

}  // namespace retmask::metrics
