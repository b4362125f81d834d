#include "retmask/metrics/math_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "pattern.h"
#include "python_text.h"
#include "retmask/jinja/unicode.h"

namespace retmask::metrics {
namespace {

// Removes and returns the first character.
std::string_view take_character(std::string_view& text) {
  size_t end = 0;
  jinja::decode_at(text, end);
  const std::string_view first = text.substr(0, end);
  text.remove_prefix(end);
  return first;
}

std::string braced(std::string_view text) { return "{" + std::string(text) + "}"; }

// \sqrt3 -> \sqrt{3}
std::optional<std::string> with_braced_roots(std::string_view text) {
  const auto pieces = split_at(text, "\\sqrt");
  std::string out(pieces[0]);
  for (size_t i = 1; i < pieces.size(); ++i) {
    std::string_view rest = pieces[i];
    if (rest.empty()) return {};
    out += "\\sqrt";
    if (!rest.starts_with('{')) out += braced(take_character(rest));
    out += rest;
  }
  return out;
}

// \frac12 -> \frac{1}{2}, \frac1{72} -> \frac{1}{72}
std::optional<std::string> with_braced_fractions(std::string_view text) {
  const auto pieces = split_at(text, "\\frac");
  std::string out(pieces[0]);
  for (size_t i = 1; i < pieces.size(); ++i) {
    std::string_view rest = pieces[i];
    if (rest.empty()) return {};
    out += "\\frac";
    if (!rest.starts_with('{')) {
      const std::string_view numerator = take_character(rest);
      if (rest.empty()) return std::string(text);
      out += braced(numerator);
      if (!rest.starts_with('{')) out += braced(take_character(rest));
    }
    out += rest;
  }
  return out;
}

// What Python's int() takes.
bool is_python_integer(std::string_view text) {
  text = strip(text);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  bool after_digit = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = jinja::decode_at(text, at);
    if (!jinja::is_decimal(c) && !(c == '_' && after_digit)) return false;
    after_digit = c != '_';
  }
  return after_digit;
}

// What str() makes of an int.
bool is_canonical_integer(std::string_view text) {
  if (text == "0") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text[0] != '0' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// 1/2 -> \frac{1}{2}
std::optional<std::string> with_fraction_for_slash(std::string_view text) {
  const auto parts = split_at(text, "/");
  if (parts.size() != 2) return std::string(text);
  if (!is_python_integer(parts[0]) || !is_python_integer(parts[1])) return {};
  if (!is_canonical_integer(parts[0]) || !is_canonical_integer(parts[1])) return std::string(text);
  return "\\frac" + braced(parts[0]) + braced(parts[1]);
}

using Replacement = std::pair<std::string_view, std::string_view>;

std::string replace_each(std::string text, const std::vector<Replacement>& replacements) {
  for (const auto& [what, with] : replacements) text = replace_all(text, what, with);
  return text;
}

std::string unwrap(const Pattern& pattern, std::string_view text) {
  return pattern.replace(text,
                         [](const PatternMatch& match) { return std::string(match.text(1)); });
}

}  // namespace

std::optional<std::string> last_boxed(std::string_view text) {
  constexpr std::string_view kSpaced = "\\boxed ";
  const size_t spaced = text.rfind(kSpaced);
  if (spaced != std::string_view::npos) {
    const std::string_view rest = text.substr(spaced);
    return std::string(rest.substr(0, rest.find('$')));
  }
  size_t begin = text.rfind("\\boxed");
  if (begin == std::string_view::npos) begin = text.rfind("\\fbox");
  if (begin == std::string_view::npos) return {};
  int64_t depth = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    depth += text[i] == '{';
    if (text[i] == '}' && --depth == 0) return std::string(text.substr(begin, i + 1 - begin));
  }
  return {};
}

std::optional<std::string> remove_boxed(std::string_view boxed) {
  constexpr std::string_view kSpaced = "\\boxed ";
  constexpr std::string_view kBraced = "\\boxed{";
  if (boxed.find(kSpaced) != std::string_view::npos) {
    if (!boxed.starts_with(kSpaced)) return {};
    return std::string(boxed.substr(kSpaced.size()));
  }
  if (!boxed.starts_with(kBraced) || !boxed.ends_with('}')) return {};
  return std::string(boxed.substr(kBraced.size(), boxed.size() - kBraced.size() - 1));
}

std::string between_dollars(std::string_view output) {
  const size_t first = output.find('$');
  const size_t last = output.rfind('$');
  if (first == last) return std::string(output);
  return std::string(output.substr(first + 1, last - first - 1));
}

std::optional<std::string> strip_math_string(std::string_view original) {
  std::string text = replace_each(std::string(original),
                                  {{"\n", ""},
                                   {"\\!", ""},
                                   {"\\\\", "\\"},
                                   {"tfrac", "frac"},
                                   {"dfrac", "frac"},
                                   {"\\left", ""},
                                   {"\\right", ""},
                                   {"^{\\circ}", ""},
                                   {"^\\circ", ""},
                                   {"\\$", ""}});
  const auto around_unit = split_at(text, "\\text{ ");
  if (around_unit.size() > 2) return {};
  text = replace_each(std::string(around_unit[0]), {{"\\%", ""}, {" .", " 0."}, {"{.", "{0."}});
  if (text.empty()) return text;
  if (text[0] == '.') text.insert(0, "0");
  const auto sides = split_at(text, "=");
  if (sides.size() == 2 && jinja::count_code_points(sides[0]) <= 2) text = std::string(sides[1]);
  const auto roots = with_braced_roots(text);
  if (!roots) return {};
  const auto fractions = with_braced_fractions(replace_all(*roots, " ", ""));
  if (!fractions) return {};
  return with_fraction_for_slash(*fractions == "0.5" ? "\\frac{1}{2}" : *fractions);
}

bool is_equivalent_math(std::string_view a, std::string_view b) {
  const auto normal_a = strip_math_string(a);
  const auto normal_b = strip_math_string(b);
  return normal_a && normal_b ? *normal_a == *normal_b : a == b;
}

std::string minerva_answer(std::string_view output) {
  static const Pattern kFinal(R"(Final Answer: The final answer is(.*?). I hope it is correct.)");
  const std::string text = std::string(output) + "I hope it is correct.";
  const auto match = kFinal.find(text);
  return match ? std::string(strip(match->text(1))) : "[invalidanswer]";
}

std::string normalize_minerva_answer(std::string_view answer) {
  static const std::vector<Replacement> kReplacements = {{"an ", ""},
                                                         {"a ", ""},
                                                         {".$", "$"},
                                                         {"\\$", ""},
                                                         {"\\ ", ""},
                                                         {" ", ""},
                                                         {"mbox", "text"},
                                                         {",\\text{and}", ","},
                                                         {"\\text{and}", ","},
                                                         {"\\text{m}", "\\text{}"}};
  static const std::vector<std::string_view> kRemoved = {"square",       "ways",
                                                         "integers",     "dollars",
                                                         "mph",          "inches",
                                                         "ft",           "hours",
                                                         "km",           "units",
                                                         "\\ldots",      "sue",
                                                         "points",       "feet",
                                                         "minutes",      "digits",
                                                         "cents",        "degrees",
                                                         "cm",           "gm",
                                                         "pounds",       "meters",
                                                         "meals",        "edges",
                                                         "students",     "childrentickets",
                                                         "multiples",    "\\text{s}",
                                                         "\\text{.}",    "\\text{\ns}",
                                                         "\\text{}^2",   "\\text{}^3",
                                                         "\\text{\n}",   "\\text{}",
                                                         "\\mathrm{th}", "^\\circ",
                                                         "^{\\circ}",    "\\;",
                                                         ",\\!",         "{,}",
                                                         "\"",           "\\dots"};
  static const Pattern kDollars(R"(.*?\$(.*?)\$.*)");
  static const Pattern kText(R"(\\text\{(.*?)\})");
  static const Pattern kBold(R"(\\textbf\{(.*?)\})");
  static const Pattern kOverline(R"(\\overline\{(.*?)\})");
  static const Pattern kBoxed(R"(\\boxed\{(.*)\})");
  static const Pattern kFraction(R"(frac([^{])(.))");
  static const Pattern kRoot(R"(sqrt([^{]))");

  std::string text = replace_each(std::string(split_at(answer, "=").back()), kReplacements);
  for (const std::string_view removed : kRemoved) text = replace_all(text, removed, "");
  text = kDollars.replace(
      text, [](const PatternMatch& match) { return "$" + std::string(match.text(1)) + "$"; });
  for (const Pattern* wrapper : {&kText, &kBold, &kOverline, &kBoxed}) {
    text = unwrap(*wrapper, text);
  }
  text = kFraction.replace(text, [](const PatternMatch& match) {
    return "frac" + braced(match.text(1)) + braced(match.text(2));
  });
  text =
      kRoot.replace(text, [](const PatternMatch& match) { return "sqrt" + braced(match.text(1)); });
  text = replace_all(text, "$", "");
  const std::u32string digits = jinja::to_code_points(replace_all(text, ",", ""));
  const bool is_number =
      !digits.empty() && std::all_of(digits.begin(), digits.end(), jinja::is_digit);
  return is_number ? jinja::to_utf8(digits) : text;
}

std::optional<std::string> simple_evals_answer(std::string_view output) {
  static const Pattern kAnswer(R"((?i)Answer\s*:\s*([^\n]+))");
  const auto match = kAnswer.find(output);
  return match ? std::optional<std::string>(match->text(1)) : std::nullopt;
}

}  // namespace retmask::metrics
