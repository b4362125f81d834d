#include "retmask/metrics/math_value.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "math_expression.h"
#include "pattern.h"
#include "python_text.h"

namespace retmask::metrics {
namespace {

constexpr int kPoints = 3;  // at which expressions with variables are compared
constexpr int kDeepestAnswer = 20;
constexpr std::string_view kRowEnd = "\x01";  // stands for "\\\\"

// Without what has no meaning: spaces, sizes of brackets, fonts, currency, degrees.
std::string without_layout(std::string_view answer) {
  static const std::vector<std::pair<std::string_view, std::string_view>> kReplacements = {
      {"\\left", ""},
      {"\\right", ""},
      {"\\!", ""},
      {"\\,", ""},
      {"\\;", ""},
      {"\\:", ""},
      {"\\ ", ""},
      {"~", ""},
      {"\\qquad", ""},
      {"\\quad", ""},
      {"\\$", ""},
      {"$", ""},
      {"dfrac", "frac"},
      {"tfrac", "frac"},
      {"cfrac", "frac"},
      {"^{\\circ}", ""},
      {"^\\circ", ""},
      {"\\degree", ""},
      {"\\displaystyle", ""},
      {"{,}", ","},
      {"\\lbrace", "\\{"},
      {"\\rbrace", "\\}"},
      {"\\ldots", "..."},
      {"\\dots", "..."},
      {"\\lvert", "|"},
      {"\\rvert", "|"},
      {"\\neq", "\\ne"},
      {"\\leq", "\\le"},
      {"\\geq", "\\ge"}};
  static const Pattern kFont(
      R"(\\(?:mathrm|mathbf|mathit|textbf|textit|operatorname)\{([^{}]*)\})");
  // A unit behind a number.
  static const Pattern kUnit(R"(([0-9}\)])\\(?:text|mbox)\{\s*[^{}0-9]*\}(?:\^\{?[0-9]\}?)?)");
  static const Pattern kText(R"(\\(?:text|mbox)\{([^{}]*)\})");
  static const Pattern kBoxed(R"(^\s*\\boxed\{(.*)\}\s*$)");
  const auto group = [](const PatternMatch& match) { return std::string(match.text(1)); };
  std::string text = kBoxed.replace(answer, group);
  text = kText.replace(kUnit.replace(kFont.replace(text, group), group), group);
  text = replace_all(text, "\\\\", kRowEnd);  // or "\\\\ " would lose its second half
  for (const auto& [what, with] : kReplacements) text = replace_all(text, what, with);
  text = replace_all(text, kRowEnd, "\\\\");
  std::string out;
  for (const std::string_view word : split_white_space(text)) out += word;
  return std::string(strip_end(out, '.'));
}

bool opens(char c) { return c == '(' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == ']' || c == '}'; }

// Pieces between the separators outside of all brackets.
std::vector<std::string_view> split_outside(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += opens(text[i]) ? 1 : closes(text[i]) ? -1 : 0;
    if (depth != 0 || !text.substr(i).starts_with(separator)) continue;
    pieces.push_back(text.substr(begin, i - begin));
    i += separator.size() - 1;
    begin = i + 1;
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

// Whether the first bracket closes at the end.
bool is_bracketed(std::string_view text) {
  if (text.size() < 2 || !opens(text[0]) || !closes(text.back())) return false;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += opens(text[i]) ? 1 : closes(text[i]) ? -1 : 0;
    if (depth == 0) return i + 1 == text.size();
  }
  return false;
}

// "12,345" is one number, "12,34" two.
bool is_grouped_number(std::string_view text) {
  static const Pattern kGrouped(R"(^-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?$)");
  return kGrouped.find(text).has_value();
}

bool has_decimal_point(std::string_view text) {
  static const Pattern kDecimal(R"([0-9]*\.[0-9]+)");
  return kDecimal.find(text).has_value();
}

// "pmatrix" of "\\begin{pmatrix}...\\end{pmatrix}"; empty for anything else.
std::string_view environment_of(std::string_view text) {
  constexpr std::string_view kBegin = "\\begin{";
  if (!text.starts_with(kBegin)) return "";
  text.remove_prefix(kBegin.size());
  const std::string_view name = text.substr(0, text.find('}'));
  return text.ends_with("\\end{" + std::string(name) + "}") ? name : "";
}

std::string_view inside_environment(std::string_view text, std::string_view kind) {
  const size_t begin = kind.size() + std::string_view("\\begin{}").size();
  const size_t end = kind.size() + std::string_view("\\end{}").size();
  return text.substr(begin, text.size() - std::min(text.size(), begin + end));
}

class MathComparer {
 public:
  explicit MathComparer(const MathEquality& rules) : rules_(rules) {}

  bool equal(std::string_view a, std::string_view b, int depth = 0) const {
    if (a == b) return true;
    if (depth > kDeepestAnswer || a.empty() || b.empty()) return false;
    const std::string_view kind = environment_of(a);
    if (!kind.empty() && kind == environment_of(b)) {
      return equal(inside_environment(a, kind), inside_environment(b, kind), depth + 1);
    }
    for (const std::string_view separator : {"\\cup", "\\\\", "&"}) {
      const auto a_parts = split_outside(a, separator);
      const auto b_parts = split_outside(b, separator);
      if (a_parts.size() == 1 && b_parts.size() == 1) continue;
      return equal_lists(a_parts, b_parts, /*any_order=*/separator == "\\cup", depth);
    }
    return equal_relations(a, b, depth);
  }

 private:
  using Parts = std::vector<std::string_view>;

  bool equal_lists(const Parts& a, Parts b, bool any_order, int depth) const {
    if (a.size() != b.size()) return false;
    for (const std::string_view item : a) {
      const auto last = any_order ? b.end() : b.begin() + 1;
      const auto found = std::find_if(
          b.begin(), last, [&](std::string_view other) { return equal(item, other, depth + 1); });
      if (found == last) return false;
      b.erase(found);
    }
    return true;
  }

  bool equal_relations(std::string_view a, std::string_view b, int depth) const {
    const Parts a_sides = split_outside(a, "=");
    const Parts b_sides = split_outside(b, "=");
    if (a_sides.size() == 2 && b_sides.size() == 2) {
      return equal_lists(a_sides, b_sides, /*any_order=*/true, depth) ||
             equal_equations(a_sides, b_sides);
    }
    if (a_sides.size() == 2 && b_sides.size() == 1) return equal(a_sides[1], b, depth + 1);
    if (a_sides.size() == 1 && b_sides.size() == 2) return equal(a, b_sides[1], depth + 1);
    return equal_collections(a, b, depth);
  }

  // Both sides on one: the same up to the sign.
  bool equal_equations(const Parts& a, const Parts& b) const {
    for (const bool negated : {false, true}) {
      bool same = true;
      for (int point = 0; same && point < kPoints; ++point) {
        std::array<std::optional<MathNumber>, 4> values;
        for (size_t i = 0; i < 2; ++i) {
          values[i] = evaluate_math(a[i], point);
          values[2 + i] = evaluate_math(b[i], point);
        }
        if (std::any_of(values.begin(), values.end(), [](const auto& one) { return !one; })) {
          return false;
        }
        const MathNumber right = *values[2] - *values[3];
        same = (*values[0] - *values[1]).equals(negated ? -right : right);
      }
      if (same) return true;
    }
    return false;
  }

  bool equal_collections(std::string_view a, std::string_view b, int depth) const {
    const auto is_set = [](std::string_view text) {
      return text.starts_with("\\{") && text.ends_with("\\}");
    };
    if (is_set(a) || is_set(b)) {
      const auto inside = [&](std::string_view text) {
        return is_set(text) ? text.substr(2, text.size() - 4) : text;
      };
      return equal_lists(
          split_outside(inside(a), ","), split_outside(inside(b), ","), /*any_order=*/true, depth);
    }
    const auto has_items = [](std::string_view text) {
      return is_bracketed(text) && text[0] != '{' &&
             split_outside(text.substr(1, text.size() - 2), ",").size() > 1;
    };
    if (has_items(a) && has_items(b)) {
      if (a[0] != b[0] || a.back() != b.back()) return false;
      return equal_lists(split_outside(a.substr(1, a.size() - 2), ","),
                         split_outside(b.substr(1, b.size() - 2), ","),
                         /*any_order=*/false,
                         depth);
    }
    const Parts a_items = is_grouped_number(a) ? Parts{a} : split_outside(a, ",");
    const Parts b_items = is_grouped_number(b) ? Parts{b} : split_outside(b, ",");
    if (a_items.size() > 1 || b_items.size() > 1) {
      return equal_lists(a_items, b_items, /*any_order=*/true, depth);
    }
    return equal_values(a, b);
  }

  bool equal_values(std::string_view a, std::string_view b) const {
    if (equal_at_points(replace_all(a, ",", ""), replace_all(b, ",", ""))) return true;
    const bool a_percent = a.ends_with('%');
    const bool b_percent = b.ends_with('%');
    if (a_percent == b_percent) return false;
    const std::string plain_a = without_percent(a);
    return equal_at_points(plain_a, without_percent(b));
  }

  static std::string without_percent(std::string_view text) {
    return replace_all(replace_all(replace_all(text, "\\%", ""), "%", ""), ",", "");
  }

  bool equal_at_points(const std::string& a, const std::string& b) const {
    const bool rounds = rules_.decimals > 0 && (has_decimal_point(a) || has_decimal_point(b));
    for (int point = 0; point < kPoints; ++point) {
      const auto value_a = evaluate_math(a, point);
      const auto value_b = evaluate_math(b, point);
      if (!value_a || !value_b) return false;
      if (!value_a->equals(*value_b) && !(rounds && same_rounded(*value_a, *value_b))) return false;
    }
    return true;
  }

  bool same_rounded(const MathNumber& a, const MathNumber& b) const {
    const double scale = std::pow(10.0, rules_.decimals);
    return a.value().imag() == 0.0 && b.value().imag() == 0.0 &&
           std::nearbyint(a.value().real() * scale) == std::nearbyint(b.value().real() * scale);
  }

  MathEquality rules_;
};

}  // namespace

bool is_equal_math(std::string_view a, std::string_view b, const MathEquality& rules) {
  return MathComparer(rules).equal(without_layout(a), without_layout(b));
}

}  // namespace retmask::metrics
