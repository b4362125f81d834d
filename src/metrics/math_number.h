#pragma once
// Numbers that are exact as long as they can be.

#include <complex>
#include <cstdint>
#include <optional>

namespace retmask::metrics {

// A fraction in lowest terms with a positive denominator, and the value as a complex number.
class MathNumber {
 public:
  using Integer = __int128;

  explicit MathNumber(int64_t value) : MathNumber(Integer{value}, Integer{1}) {}
  explicit MathNumber(std::complex<double> value) : value_(value) {}
  // `denominator` must not be 0.
  MathNumber(Integer numerator, Integer denominator);

  bool is_exact() const { return denominator_ != 0; }
  bool is_integer() const { return denominator_ == 1; }
  Integer numerator() const { return numerator_; }
  std::complex<double> value() const { return value_; }

  MathNumber operator-() const;
  MathNumber operator+(const MathNumber& other) const;
  MathNumber operator-(const MathNumber& other) const { return *this + -other; }
  MathNumber operator*(const MathNumber& other) const;
  // nullopt for a division by an exact zero.
  std::optional<MathNumber> divided_by(const MathNumber& other) const;
  MathNumber to_the(const MathNumber& exponent) const;

  // Exactly if both are exact, otherwise to a relative 1e-9.
  bool equals(const MathNumber& other) const;

 private:
  Integer numerator_ = 0;
  Integer denominator_ = 0;  // 0: not exact
  std::complex<double> value_;
};

}  // namespace retmask::metrics
