#pragma once
// The ways of making training data.

#include <array>
#include <string>

namespace retmask::synthesize {

enum class Strategy {
  automatic,             // the one that the other options imply
  retrieval_masked,      // loser: the model without its retrieval heads (RetMask)
  non_retrieval_masked,  // loser: without as many other heads; the control for the choice of heads
  random_masked,         // loser: without as many heads drawn from all; the same
  rejected_model,        // loser: another model, such as a smaller one
  win_lose,              // best and worst of several answers, by a judge
  sft,                   // no loser: answers to imitate
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

// The loser is the model itself with heads off.
bool is_masked(Strategy strategy);
// The loser answers by itself, so that there are two policies.
bool has_rejected_policy(Strategy strategy);

}  // namespace retmask::synthesize
