#pragma once
// Metrics of benchmarks whose questions have one right answer. Each returns "score" (1 or 0),
// "pred" (what it took from the answer; null if nothing can be taken) and "correct".

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval {

// Multiple choice. References: the right letter, the last of the options' letters, and of gpqa the
// options' texts.
using Letters = std::vector<std::string>;
Json mmlu_pro_choice(const std::string& answer, const Letters& references);
Json mmlu_pro_strict_choice(const std::string& answer, const Letters& references);
Json lighteval_choice(const std::string& answer, const Letters& references);
Json simple_evals_choice(const std::string& answer, const Letters& references);
Json flexible_choice(const std::string& answer, const Letters& references);

// MATH. References: the right answer in LaTeX, as the reference implementation takes it from the
// solution. They also return "exact_match" (equal texts, in the original's normal form) and
// "math_equal" (equal values, see retmask/metrics/math_value.h), the one or the other of which is
// the score.
Json hendrycks_math(const std::string& answer, const std::vector<std::string>& references);
Json minerva_math(const std::string& answer, const std::vector<std::string>& references);
Json boxed_math(const std::string& answer, const std::vector<std::string>& references);
Json simple_evals_math(const std::string& answer, const std::vector<std::string>& references);

}  // namespace retmask::eval
