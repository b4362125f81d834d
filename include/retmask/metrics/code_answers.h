#pragma once
// HumanEval: the program in a model's output, and pass@k.

#include <cstdint>
#include <string>
#include <string_view>

namespace retmask::metrics {

// lm-evaluation-harness (instruct): the output up to the first "```".
std::string code_before_fence(std::string_view output);

// simple-evals: the first ```python block, or the whole output, from behind the first ":\n"
// before an indented line on. As in the original, one character is lost where there is none.
std::string code_after_signature(std::string_view output);

// swallow-evaluation-instruct: the last fenced block with "def <entry_point>", else the last fenced
// block, else nothing.
std::string last_code_block(std::string_view output, std::string_view entry_point);

// A base model's completion of the prompt, up to the first line that starts something new:
// "\nclass",
// "\ndef", "\n#", "\nif" or "\nprint".
std::string code_before_stop(std::string_view output);

// Unbiased estimate of the chance that one of k samples passes, from n samples of which c pass; 1
// if fewer than k fail. Source: Chen et al., "Evaluating Large Language Models Trained on Code"
// (2021), eq. 1. Throws UserError unless 0 <= c <= n and k >= 1.
double pass_at_k(int64_t n, int64_t c, int64_t k);

}  // namespace retmask::metrics
