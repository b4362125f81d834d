// The final answer of a free solution.

#include "pattern.h"
#include "python_text.h"
#include "retmask/metrics/math_text.h"

namespace retmask::metrics {
namespace {

// What a formula or, failing that, a number says; of several the last.
std::optional<std::string> last_formula(std::string_view text) {
  static const Pattern kFormula(
      R"(\$\$([^$]+)\$\$|\$((?:\\\$|[^\n$])+)\$|\\\[((?:[^\\]|\\(?!\]))+)\\\]|\\\(((?:[^\\\n]|\\(?!\)))+)\\\))");
  static const Pattern kNumber(
      R"((-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:\s*\\?%)?))");
  std::optional<std::string> formula;
  for (size_t group = 1; group <= 4; ++group) {
    const auto last = kFormula.find_last(text, group);
    if (last && !last->empty()) formula = std::string(strip(*last));
  }
  if (formula) return formula;
  const auto number = kNumber.find_last(text, 1);
  return number ? std::optional<std::string>(*number) : std::nullopt;
}

}  // namespace

std::optional<std::string> final_math_answer(std::string_view output) {
  static const Pattern kFinal(R"((?i:final answer is)((?s:.*)))");
  static const Pattern kAnswer(R"((?i:answer)(.{0,200}))");
  if (const auto boxed = last_boxed(output)) {
    if (auto answer = remove_boxed(*boxed)) return answer;
  }
  for (const Pattern* pattern : {&kFinal, &kAnswer}) {
    const auto behind = pattern->find_last(output, 1);
    if (!behind) continue;
    if (auto answer = last_formula(*behind)) return answer;
  }
  return last_formula(output);
}

}  // namespace retmask::metrics
