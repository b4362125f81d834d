#include "metrics.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "helmet_metrics.h"
#include "question_metrics.h"
#include "retmask/base/error.h"
#include "retmask/metrics/answers.h"
#include "retmask/metrics/helmet_answers.h"
#include "retmask/metrics/sequence_ratio.h"

namespace retmask::eval {
namespace {

using References = std::vector<std::string>;

// RULER's scores (scripts/eval/synthetic/constants.py there): the share of references in the
// answer, and whether any is.
Json string_match_all(const std::string& answer, const References& references) {
  return {{"score", metrics::ruler_recall(answer, references)}};
}

Json string_match_part(const std::string& answer, const References& references) {
  double best = 0.0;
  for (const std::string& reference : references) {
    best = std::max(best, metrics::ruler_recall(answer, {reference}));
  }
  return {{"score", best}};
}

// HELMET's RAG rows: a reference is in the answer, or in what follows "Answer:", both normalised.
Json substring_exact_match(const std::string& answer, const References& references) {
  return {
      {"score",
       metrics::score_answer(answer, references).metrics.find("substring_exact_match")->second}};
}

// References: the right text with the prefix that it begins with, and that prefix.
Json mrcr(const std::string& answer, const References& references) {
  if (references.size() != 2) user_error("\"references\" must be the right text and its prefix");
  return {{"score", metrics::mrcr_grade(answer, references[0], references[1])}};
}

// Programs are judged by running them, all at once: see humaneval_suite.h.
Json code(const std::string&, const References&) { return {{"score", nullptr}}; }

// Graded by a judge, all at once, some without references: see judge.h.
Json judge(const std::string&, const References&) { return {{"score", nullptr}}; }

struct Metric {
  std::string_view name;
  Json (*score)(const std::string& answer, const References& references);
  bool needs_references = true;
};
constexpr Metric kMetrics[] = {{"mrcr", mrcr},
                               {"string_match_all", string_match_all},
                               {"string_match_part", string_match_part},
                               {"substring_exact_match", substring_exact_match},
                               {"mmlu_pro_choice", mmlu_pro_choice},
                               {"mmlu_pro_strict_choice", mmlu_pro_strict_choice},
                               {"lighteval_choice", lighteval_choice},
                               {"simple_evals_choice", simple_evals_choice},
                               {"flexible_choice", flexible_choice},
                               {"hendrycks_math", hendrycks_math},
                               {"minerva_math", minerva_math},
                               {"boxed_math", boxed_math},
                               {"simple_evals_math", simple_evals_math},
                               {"code", code},
                               {"judge", judge, /*needs_references=*/false}};

}  // namespace

void score_row(Json& row, const std::string& where) {
  const auto name = json_get<std::string>(row, "metric", where);
  if (helmet::is_metric(name)) {  // these read further fields of the row
    row.update(at_place(where, [&] { return helmet::score(row); }));
    return;
  }
  const auto metric = std::find_if(std::begin(kMetrics),
                                   std::end(kMetrics),
                                   [&](const Metric& known) { return known.name == name; });
  if (metric == std::end(kMetrics)) user_error(where, ": unknown metric \"", name, "\"");
  const auto references = json_get<References>(row, "references", where);
  if (references.empty() && metric->needs_references)
    user_error(where, ": \"references\" is empty");
  const auto answer = json_get<std::string>(row, "answer", where);
  const Json scores = at_place(where, [&] { return metric->score(answer, references); });
  for (const auto& [key, value] : scores.items()) row[key] = value;
}

}  // namespace retmask::eval
