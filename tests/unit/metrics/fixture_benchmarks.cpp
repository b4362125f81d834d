#include "fixture_functions.h"
#include "retmask/metrics/code_answers.h"
#include "retmask/metrics/letters.h"
#include "retmask/metrics/math_text.h"

namespace retmask::testing {

using namespace metrics;

void add_benchmark_functions(FixtureFunctions& functions) {
  functions["math_strip_string"] = [](const Json& a) {
    return value_or_raise(strip_math_string(text_at(a, 0)));
  };
  functions["math_is_equiv_hendrycks"] = [](const Json& a) {
    return is_equivalent_math(text_at(a, 0), text_at(a, 1));
  };
  functions["math_last_boxed"] = [](const Json& a) {
    return value_or_null(last_boxed(text_at(a, 0)));
  };
  functions["math_remove_boxed"] = [](const Json& a) {
    return value_or_raise(remove_boxed(text_at(a, 0)));
  };
  functions["math_hendrycks_extract_dollar"] = [](const Json& a) {
    return between_dollars(text_at(a, 0));
  };
  functions["math_minerva_extract"] = [](const Json& a) { return minerva_answer(text_at(a, 0)); };
  functions["math_minerva_normalize"] = [](const Json& a) {
    return normalize_minerva_answer(text_at(a, 0));
  };
  functions["simple_evals_math_extract"] = [](const Json& a) {
    return value_or_null(simple_evals_answer(text_at(a, 0)));
  };
  functions["mmlu_pro_extract"] = [](const Json& a) {
    return letter_json(mmlu_pro_letter(text_at(a, 0)));
  };
  functions["simple_evals_gpqa_extract"] = [](const Json& a) {
    return letter_json(simple_evals_letter(text_at(a, 0)));
  };
  functions["lighteval_letter_extract"] = [](const Json& a) {
    return letter_json(lighteval_letter(text_at(a, 0), a.at(1).get<int>()));
  };
  functions["simple_evals_humaneval_find_code"] = [](const Json& a) {
    return code_after_signature(text_at(a, 0));
  };
  functions["lmeval_humaneval_instruct_body"] = [](const Json& a) {
    return code_before_fence(text_at(a, 0));
  };
  functions["humaneval_pass_at_k"] = [](const Json& a) {
    return pass_at_k(a.at(0).get<int64_t>(), a.at(1).get<int64_t>(), a.at(2).get<int64_t>());
  };
}

}  // namespace retmask::testing
