#include "retmask/metrics/helmet_answers.h"

#include <algorithm>

#include "python_text.h"
#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"

namespace retmask::metrics {

ScoredAnswer score_answer(std::string_view output,
                          const std::vector<std::string>& golds,
                          std::string_view prefix) {
  ScoredAnswer scored = {answer_metrics(output, golds), parse_answer(output, prefix)};
  for (const auto& [name, value] : answer_metrics(scored.parsed, golds)) {
    double& best = scored.metrics[name];
    best = std::max(best, value);
  }
  return scored;
}

ScoredAnswer score_label(std::string_view output, const std::string& gold) {
  const std::string parsed = parse_answer(output, "label:");
  return {answer_metrics(parsed, {gold}), parsed};
}

ScoredAnswer score_choice(std::string_view output, const std::vector<std::string>& golds) {
  if (golds.size() != 2) {
    user_error("a multiple-choice answer has ",
               golds.size(),
               " forms, expected its letter and \"letter. text\"");
  }
  ScoredAnswer scored = score_answer(output, golds);
  const bool quoted =
      jinja::lower_case(output).find(jinja::lower_case(golds[1])) != std::string::npos;
  scored.metrics["substring_exact_match"] = quoted;
  if (quoted) scored.metrics["exact_match"] = 1.0;
  return scored;
}

std::string after_thinking(std::string_view output) {
  constexpr std::string_view kClose = "</think>";
  const size_t close = output.rfind(kClose);
  if (close == std::string_view::npos) return std::string(output);
  return std::string(strip(output.substr(close + kClose.size())));
}

}  // namespace retmask::metrics
