#include "retmask/metrics/letters.h"

#include <array>
#include <map>
#include <mutex>

#include "pattern.h"
#include "python_text.h"
#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"

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

// In lower case, without punctuation.
std::string plain_text(std::string_view text) {
  static const Pattern kPunctuation(R"(\p{P})");
  return kPunctuation.replace(jinja::lower_case(text), [](const PatternMatch&) { return ""; });
}

// The last of re.findall() of the texts, the longest first. Empty without a match, and with an
// empty text, which matches at the end.
std::string last_of(const std::map<std::string, char>& texts, std::string_view output) {
  if (texts.contains("")) return {};
  std::string last;
  for (size_t at = 0; at < output.size();) {
    std::string_view longest;
    for (const auto& [text, letter] : texts) {
      if (text.size() > longest.size() && output.substr(at).starts_with(text)) longest = text;
    }
    if (longest.empty()) {
      ++at;
    } else {
      last = longest;
      at += longest.size();
    }
  }
  return last;
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

std::string preprocessed_option(std::string_view text) {
  return replace_all(replace_all(strip(text), " [title]", ". "), "  ", " ");
}

std::optional<char> flexible_choice_letter(std::string_view output,
                                           const std::vector<std::string>& options) {
  static const Pattern kParentheses(R"(\(([A-Z])\))");
  if (const auto last = kParentheses.find_last(output, 1)) return last->front();
  if (options.empty()) return {};
  std::map<std::string, char> letter_of;  // of equal texts the last counts
  for (size_t i = 0; i < options.size(); ++i)
    letter_of[plain_text(strip(options[i]))] = static_cast<char>('A' + i);
  const std::string last_text(strip(last_of(letter_of, plain_text(output))));
  if (!last_text.empty()) {
    const auto found = letter_of.find(last_text);
    return found == letter_of.end() ? std::nullopt : std::optional(found->second);
  }
  const char most = static_cast<char>('A' + options.size() - 1);
  const Pattern colon(std::string(R"(:\s*([A-)") + most + "])");
  const auto last = colon.find_last(output, 1);
  return last ? std::optional(last->front()) : std::nullopt;
}

}  // namespace retmask::metrics
