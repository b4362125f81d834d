#pragma once
// The letter of the chosen option in the answer to a multiple-choice question, by each reference
// implementation's rule. nullopt: no letter can be found, and the answer is wrong.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::metrics {

// MMLU-Pro's own code: "answer is (X)", else "answer: X", else the last X that stands alone; X in
// A..J. (Where it finds none, it draws an option.)
std::optional<char> mmlu_pro_letter(std::string_view output);
// MMLU-Pro in lm-evaluation-harness: the first rule only.
std::optional<char> mmlu_pro_strict_letter(std::string_view output);

// GPQA in simple-evals: "Answer: X" in any case. A lower-case letter stays one, and so is wrong.
std::optional<char> simple_evals_letter(std::string_view output);

// lighteval's index extraction, which swallow-evaluation-instruct uses; letters A.. for `options`
// options (1..26).
std::optional<char> lighteval_letter(std::string_view output, int options);

// GPQA in lm-evaluation-harness (flexible-extract, MultiChoiceRegexFilter): the last "(X)", else
// the option whose text comes last, without regard to case and punctuation, else the last ": X" of
// an option's letter. `options`: their texts, A first.
std::optional<char> flexible_choice_letter(std::string_view output,
                                           const std::vector<std::string>& options);
// An option's text as it is shown there: preprocess() in tasks/gpqa/cot_zeroshot/utils.py.
std::string preprocessed_option(std::string_view text);

}  // namespace retmask::metrics
