#include "retmask/synthesize/strategy.h"

#include "retmask/base/error.h"

namespace retmask::synthesize {

std::string to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::automatic:
      return "auto";
    case Strategy::retrieval_masked:
      return "retrieval-masked";
    case Strategy::non_retrieval_masked:
      return "non-retrieval-masked";
    case Strategy::random_masked:
      return "random-masked";
    case Strategy::rejected_model:
      return "rejected-model";
    case Strategy::win_lose:
      return "win-lose";
    case Strategy::sft:
      return "sft";
  }
  RETMASK_CHECK(false, "unknown strategy");
}

Strategy parse_strategy(const std::string& name) {
  std::string known;
  for (const Strategy strategy : kStrategies) {
    if (to_string(strategy) == name) return strategy;
    known += (known.empty() ? "" : ", ") + to_string(strategy);
  }
  user_error("--strategy is \"", name, "\", expected one of: ", known);
}

bool is_masked(Strategy strategy) {
  return strategy == Strategy::retrieval_masked || strategy == Strategy::non_retrieval_masked ||
         strategy == Strategy::random_masked;
}

bool has_rejected_policy(Strategy strategy) {
  return is_masked(strategy) || strategy == Strategy::rejected_model;
}

}  // namespace retmask::synthesize
