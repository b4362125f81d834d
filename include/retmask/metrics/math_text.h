#pragma once
// Answers to MATH problems as LaTeX text: finding them and comparing them by their normal form, as
// lm-evaluation-harness does (tasks hendrycks_math and minerva_math), and simple-evals. nullopt
// where the original raises an exception.

#include <optional>
#include <string>
#include <string_view>

namespace retmask::metrics {

// The last "\boxed ..." (up to "$"), "\boxed{...}" or "\fbox{...}"; nullopt also without one.
std::optional<std::string> last_boxed(std::string_view text);
// The content of "\boxed{...}" or "\boxed ...".
std::optional<std::string> remove_boxed(std::string_view boxed);

// Between the first and the last "$"; the whole output if there are fewer than two.
std::string between_dollars(std::string_view output);
// Normal form of hendrycks_math.
std::optional<std::string> strip_math_string(std::string_view text);
// Equal normal forms; equal texts if one of them has none.
bool is_equivalent_math(std::string_view a, std::string_view b);

// "Final Answer: The final answer is ... . I hope it is correct."; "[invalidanswer]" without it.
std::string minerva_answer(std::string_view output);
// Normal form of minerva_math (Lewkowycz et al. 2022, appendix D).
std::string normalize_minerva_answer(std::string_view answer);

// As swallow-evaluation-instruct (lighteval) looks for an answer: in the last \boxed{...}, else
// behind "final answer is", else behind "answer", else anywhere; there the last formula, or number.
std::optional<std::string> final_math_answer(std::string_view output);

// simple-evals: the rest of the line behind the first "Answer:".
std::optional<std::string> simple_evals_answer(std::string_view output);

}  // namespace retmask::metrics
