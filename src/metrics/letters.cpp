#include "retmask/metrics/letters.h"

#include <array>
#include <map>
#include <mutex>

#include "pattern.h"
#include "python_text.h"
#include "retmask/base/error.h"

namespace retmask::metrics {
namespace {

std::optional<char> first_letter(const Pattern& pattern, std::string_view output) {
  const auto match = pattern.find(output);
  return match ? std::optional(match->text(1)[0]) : std::nullopt;
}

// lighteval's expressions in falling priority; X stands for a letter, S for one that stands alone.
constexpr std::array<std::string_view, 7> kLightevalExpressions = {
    R"((?i:f[i\x{130}\x{131}]nal answer [i\x{130}\x{131}]s):?\s*X\.?\s?I hope)",
    R"((?i:f[i\x{130}\x{131}]nal answer.{0,100}?)\s+is:?\s*X)",
    R"((?i:answer)[:].{0,50}?S)",
    R"((?i:answer).{0,50}?S)",
    R"(^(?:\*\*)?X(?:\*\*)?(?:[.,: ]|$))",
    "S",
    "X"};

std::vector<Pattern> lighteval_patterns(int options) {
  const std::string letter = std::string("([A-") + static_cast<char>('A' + options - 1) + "])";
  const std::string alone = R"((?:^| )(?:\*\*)?)" + letter + R"((?:\*\*)?(?:[.,: ]|$))";
  std::vector<Pattern> patterns;
  for (const std::string_view expression : kLightevalExpressions) {
    const std::string with_alone = replace_all(expression, "S", alone);
    patterns.emplace_back(replace_all(with_alone, "X", letter));
  }
  return patterns;
}

// Compiled once per number of options.
const std::vector<Pattern>& cached_lighteval_patterns(int options) {
  static std::mutex mutex;
  static std::map<int, std::vector<Pattern>> cache;
  const std::lock_guard lock(mutex);
  auto [place, added] = cache.try_emplace(options);
  if (added) place->second = lighteval_patterns(options);
  return place->second;
}

}  // namespace

std::optional<char> mmlu_pro_strict_letter(std::string_view output) {
  static const Pattern kAnswerIs(R"(answer is \(?([A-J])\)?)");
  return first_letter(kAnswerIs, output);
}

std::optional<char> mmlu_pro_letter(std::string_view output) {
  // Greedy: the last one on the first line that has one.
  static const Pattern kAnswerColon(R"(.*[aA]nswer:\s*([A-J]))");
  static const Pattern kAlone(R"(\b([A-J])\b)");
  if (const auto letter = mmlu_pro_strict_letter(output)) return letter;
  if (const auto letter = first_letter(kAnswerColon, output)) return letter;
  const auto last = kAlone.find_last(output, 1);
  return last ? std::optional(last->front()) : std::nullopt;
}

std::optional<char> simple_evals_letter(std::string_view output) {
  static const Pattern kAnswer(R"((?i)Answer[ \t]*:[ \t]*\$?([A-D])\$?)");
  return first_letter(kAnswer, output);
}

std::optional<char> lighteval_letter(std::string_view output, int options) {
  if (options < 1 || options > 26) {
    user_error("a question has ", options, " options, expected 1 to 26");
  }
  for (const Pattern& pattern : cached_lighteval_patterns(options)) {
    if (const auto letter = pattern.find_last(output, 1)) return letter->front();
  }
  return {};
}

std::optional<char> last_parenthesized_letter(std::string_view output) {
  static const Pattern kParentheses(R"(\(([A-Z])\))");
  const auto last = kParentheses.find_last(output, 1);
  return last ? std::optional(last->front()) : std::nullopt;
}

}  // namespace retmask::metrics
