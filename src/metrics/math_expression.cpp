#include "math_expression.h"

#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <utility>

#include "retmask/base/random.h"

namespace retmask::metrics {
namespace {

struct CannotParse {};

// All recursion passes through two functions that hold one of these.
class Nesting {
 public:
  explicit Nesting(int& depth) : depth_(depth) {
    if (++depth_ > kDeepest) throw CannotParse();
  }
  ~Nesting() { --depth_; }

 private:
  static constexpr int kDeepest = 200;
  int& depth_;
};

using Complex = std::complex<double>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "\\frac12", "\\frac{1"
bool starts_number_fraction(std::string_view text) {
  constexpr std::string_view kFraction = "\\frac";
  if (!text.starts_with(kFraction)) return false;
  text.remove_prefix(kFraction.size());
  if (text.starts_with('{')) text.remove_prefix(1);
  return !text.empty() && is_digit(text[0]);
}

struct MathFunction {
  std::string_view name;
  Complex (*value)(Complex x);
};
constexpr std::array<MathFunction, 11> kMathFunctions = {
    {{"\\sin", [](Complex x) { return std::sin(x); }},
     {"\\cos", [](Complex x) { return std::cos(x); }},
     {"\\tan", [](Complex x) { return std::tan(x); }},
     {"\\cot", [](Complex x) { return 1.0 / std::tan(x); }},
     {"\\sec", [](Complex x) { return 1.0 / std::cos(x); }},
     {"\\csc", [](Complex x) { return 1.0 / std::sin(x); }},
     {"\\arcsin", [](Complex x) { return std::asin(x); }},
     {"\\arccos", [](Complex x) { return std::acos(x); }},
     {"\\arctan", [](Complex x) { return std::atan(x); }},
     {"\\ln", [](Complex x) { return std::log(x); }},
     {"\\log", [](Complex x) { return std::log10(x); }}}};

// Recursive descent; throws CannotParse.
class MathParser {
 public:
  MathParser(std::string_view text, int point) : text_(text), point_(point) {}

  MathNumber whole() {
    const MathNumber value = sum();
    if (!peek().empty()) throw CannotParse();
    return value;
  }

 private:
  // A command, or one character; empty at the end.
  std::string_view peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    if (at_ == text_.size()) return "";
    size_t end = at_ + 1;
    if (text_[at_] == '\\') {
      while (end < text_.size() && is_letter(text_[end])) ++end;
      if (end == at_ + 1 && end < text_.size()) ++end;  // "\%"
    }
    return text_.substr(at_, end - at_);
  }

  std::string_view take() {
    const std::string_view token = peek();
    at_ += token.size();
    return token;
  }

  bool take_if(std::string_view token) {
    if (peek() != token) return false;
    take();
    return true;
  }

  void expect(std::string_view token) {
    if (!take_if(token)) throw CannotParse();
  }

  MathNumber sum() {
    MathNumber value = product();
    while (true) {
      if (take_if("+")) {
        value = value + product();
      } else if (take_if("-")) {
        value = value - product();
      } else {
        return value;
      }
    }
  }

  MathNumber divide(const MathNumber& a, const MathNumber& b) {
    const auto quotient = a.divided_by(b);
    if (!quotient) throw CannotParse();
    return *quotient;
  }

  bool starts_factor(std::string_view token) {
    if (token.empty()) return false;
    if (token[0] == '\\') {
      if (token == "\\frac" || token == "\\sqrt" || token == "\\pi") return true;
      return function_of(token) != nullptr;
    }
    return is_letter(token[0]) || is_digit(token[0]) || token == "(" || token == "{" ||
           token == "[";
  }

  MathNumber product() {
    MathNumber value = signed_power();
    while (true) {
      const std::string_view token = peek();
      if (token == "*" || token == "\\cdot" || token == "\\times") {
        take();
        value = value * signed_power();
      } else if (token == "/" || token == "\\div") {
        take();
        value = divide(value, signed_power());
      } else if (starts_factor(token)) {
        value = value * power();
      } else {
        return value;
      }
    }
  }

  MathNumber signed_power() {
    bool is_negative = false;
    while (peek() == "-" || peek() == "+") is_negative ^= take() == "-";
    return is_negative ? -power() : power();
  }

  MathNumber power() {
    const Nesting nesting(depth_);
    MathNumber value = primary();
    while (true) {
      if (take_if("^")) {
        value = value.to_the(argument());
      } else if (take_if("!")) {
        value = factorial(value);
      } else if (take_if("\\%") || take_if("%")) {
        value = divide(value, MathNumber(100));
      } else {
        return value;
      }
    }
  }

  static MathNumber factorial(const MathNumber& value) {
    if (!value.is_integer() || value.numerator() < 0 || value.numerator() > 170) {
      throw CannotParse();
    }
    MathNumber product(1);
    for (int64_t i = 2; i <= value.numerator(); ++i) product = product * MathNumber(i);
    return product;
  }

  // {...}, or a single digit, letter or command.
  MathNumber argument() {
    if (take_if("{")) return until("}");
    const std::string_view token = peek();
    if (!token.empty() && is_digit(token[0])) {
      take();
      return MathNumber(token[0] - '0');
    }
    if (token == "-") return signed_power();
    return primary();
  }

  MathNumber until(std::string_view close) {
    const MathNumber value = sum();
    expect(close);
    return value;
  }

  static const MathFunction* function_of(std::string_view token) {
    for (const MathFunction& function : kMathFunctions) {
      if (function.name == token) return &function;
    }
    return nullptr;
  }

  MathNumber primary() {
    const Nesting nesting(depth_);
    const std::string_view token = peek();
    if (token.empty()) throw CannotParse();
    if (is_digit(token[0]) || token == ".") return number();
    take();
    if (is_letter(token[0])) return variable(token);
    if (token == "(") return until(")");
    if (token == "[") return until("]");
    if (token == "{") return until("}");
    if (token == "|") return MathNumber(Complex(std::abs(until("|").value())));
    if (token == "\\pi") return MathNumber(Complex(std::numbers::pi));
    if (token == "\\frac") {
      const MathNumber numerator = argument();
      return divide(numerator, argument());
    }
    if (token == "\\sqrt") return root();
    if (const MathFunction* function = function_of(token)) return call(*function);
    throw CannotParse();
  }

  MathNumber root() {
    MathNumber degree(2);
    if (take_if("[")) degree = until("]");
    const MathNumber radicand = argument();
    // The real root of a negative number, if there is one.
    const bool is_odd = degree.is_integer() && degree.numerator() % 2 != 0;
    const bool is_negative = radicand.value().imag() == 0.0 && radicand.value().real() < 0.0;
    const MathNumber exponent = divide(MathNumber(1), degree);
    if (is_odd && is_negative) return -exact_root(-radicand, exponent);
    return exact_root(radicand, exponent);
  }

  // An integer if that is the root.
  static MathNumber exact_root(const MathNumber& radicand, const MathNumber& exponent) {
    const MathNumber value = radicand.to_the(exponent);
    const double rounded = std::round(value.value().real());
    if (!radicand.is_exact() || !(std::fabs(rounded) < 1e15)) return value;
    const MathNumber integer(static_cast<int64_t>(rounded));
    const auto inverse = MathNumber(1).divided_by(exponent);
    return inverse && integer.to_the(*inverse).equals(radicand) && integer.is_exact() ? integer
                                                                                      : value;
  }

  MathNumber call(const MathFunction& function) {
    std::optional<MathNumber> exponent;
    std::optional<MathNumber> base;
    while (true) {
      if (take_if("^")) {
        exponent = argument();
      } else if (take_if("_")) {
        base = argument();
      } else {
        break;
      }
    }
    if (base && function.name != "\\log") throw CannotParse();
    MathNumber value(function.value(peek() == "{" ? argument().value() : power().value()));
    if (base) value = divide(value, MathNumber(function.value(base->value())));
    return exponent ? value.to_the(*exponent) : value;
  }

  // Digits with a decimal point or with groups of thousands; then a fraction makes it a mixed
  // number.
  MathNumber number() {
    constexpr size_t kMostDigits = 30;
    MathNumber::Integer numerator = 0;
    MathNumber::Integer denominator = 1;
    size_t digits = 0;
    bool has_point = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '.' && !has_point) {
        has_point = true;
      } else if (is_digit(c) && ++digits <= kMostDigits) {
        numerator = numerator * 10 + (c - '0');
        if (has_point) denominator *= 10;
      } else {
        break;
      }
    }
    if (digits == 0 || digits > kMostDigits || peek() == "_") throw CannotParse();
    const MathNumber value(numerator, denominator);
    const bool is_mixed = !has_point && starts_number_fraction(text_.substr(at_));
    return is_mixed ? value + primary() : value;
  }

  MathNumber variable(std::string_view letter) {
    if (letter == "i" && peek() != "_") return MathNumber(Complex(0.0, 1.0));
    std::string name(letter);
    if (take_if("_")) {
      name += '_';
      if (take_if("{")) {
        while (peek() != "}") {
          if (peek().empty()) throw CannotParse();
          name += take();
        }
        take();
      } else {
        name += take();
      }
    }
    RandomStream random(static_cast<uint64_t>(point_), name);
    return MathNumber(Complex(0.5 + random.uniform()));
  }

  std::string_view text_;
  int point_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<MathNumber> evaluate_math(std::string_view latex, int point) {
  try {
    return MathParser(latex, point).whole();
  } catch (const CannotParse&) {
    return {};
  }
}

}  // namespace retmask::metrics
