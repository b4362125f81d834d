#include "question_metrics.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "retmask/base/error.h"
#include "retmask/metrics/letters.h"
#include "retmask/metrics/math_text.h"
#include "retmask/metrics/math_value.h"

namespace retmask::eval {
namespace {

Json choice_score(std::optional<char> letter, const Letters& references) {
  const bool correct = letter && references.front() == std::string(1, *letter);
  return {{"score", correct ? 1.0 : 0.0},
          {"pred", letter ? Json(std::string(1, *letter)) : Json()},
          {"correct", correct}};
}

enum class MathScore { exact, value };

Json math_score(const std::optional<std::string>& pred,
                bool exact_match,
                const std::string& gold,
                MathScore score,
                const metrics::MathEquality& rules = {}) {
  const bool math_equal = pred && (exact_match || metrics::is_equal_math(*pred, gold, rules));
  const bool correct = score == MathScore::exact ? exact_match : math_equal;
  return {{"score", correct ? 1.0 : 0.0},
          {"pred", pred ? Json(*pred) : Json()},
          {"correct", correct},
          {"exact_match", exact_match},
          {"math_equal", math_equal}};
}

}  // namespace

Json mmlu_pro_choice(const std::string& answer, const Letters& references) {
  return choice_score(metrics::mmlu_pro_letter(answer), references);
}

Json mmlu_pro_strict_choice(const std::string& answer, const Letters& references) {
  return choice_score(metrics::mmlu_pro_strict_letter(answer), references);
}

Json lighteval_choice(const std::string& answer, const Letters& references) {
  const std::string& last = references[references.size() > 1 ? 1 : 0];
  const int options = last.empty() ? 0 : last[0] - 'A' + 1;
  return choice_score(metrics::lighteval_letter(answer, options), references);
}

Json simple_evals_choice(const std::string& answer, const Letters& references) {
  return choice_score(metrics::simple_evals_letter(answer), references);
}

Json flexible_choice(const std::string& answer, const Letters& references) {
  const auto options = references.begin() + std::min<std::ptrdiff_t>(2, std::ssize(references));
  return choice_score(metrics::flexible_choice_letter(answer, {options, references.end()}),
                      references);
}

Json hendrycks_math(const std::string& answer, const std::vector<std::string>& references) {
  const std::string pred = metrics::between_dollars(answer);
  const std::string& gold = references.front();
  return math_score(pred, metrics::is_equivalent_math(pred, gold), gold, MathScore::exact);
}

Json minerva_math(const std::string& answer, const std::vector<std::string>& references) {
  const std::string pred = metrics::normalize_minerva_answer(metrics::minerva_answer(answer));
  const std::string gold = metrics::normalize_minerva_answer(references.front());
  return math_score(pred, pred == gold, gold, MathScore::value);
}

Json boxed_math(const std::string& answer, const std::vector<std::string>& references) {
  const std::optional<std::string> pred = metrics::final_math_answer(answer);
  const std::string& gold = references.front();
  const bool exact_match = pred && metrics::is_equivalent_math(*pred, gold);
  return math_score(pred, exact_match, gold, MathScore::value, {.decimals = 5});
}

Json simple_evals_math(const std::string& answer, const std::vector<std::string>& references) {
  const std::optional<std::string> pred = metrics::simple_evals_answer(answer);
  const std::string& gold = references.front();
  const bool exact_match = pred && metrics::is_equivalent_math(*pred, gold);
  return math_score(pred, exact_match, gold, MathScore::value);
}

}  // namespace retmask::eval
