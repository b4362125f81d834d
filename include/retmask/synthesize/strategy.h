#pragma once
// Strategies for building training data.

#include <array>
#include <string>

namespace retmask::synthesize {

enum class Strategy {
  automatic,             // implied by the other options
  retrieval_masked,      // rejected: the model without its retrieval heads (RetMask)
  non_retrieval_masked,  // rejected: as many other heads masked; control for the choice of heads
  random_masked,         // rejected: as many heads masked, drawn from all; control
  rejected_model,        // rejected: another model, such as a smaller one
  win_lose,              // best against worst of several answers, graded by a judge
  sft,                   // no rejected answers: supervised fine-tuning
};
inline constexpr std::array kStrategies = {Strategy::automatic,
                                           Strategy::retrieval_masked,
                                           Strategy::non_retrieval_masked,
                                           Strategy::random_masked,
                                           Strategy::rejected_model,
                                           Strategy::win_lose,
                                           Strategy::sft};

// "retrieval-masked"; "auto" for automatic.
std::string to_string(Strategy strategy);
// Throws UserError with the known names.
Strategy parse_strategy(const std::string& name);

// The rejected answers come from the same model with masked heads.
bool is_masked(Strategy strategy);
// The rejected answers come from a second policy.
bool has_rejected_policy(Strategy strategy);

}  // namespace retmask::synthesize
