#include "retmask/synthesize/strategy.h"

#include "retmask/base/enum_names.h"

namespace retmask::synthesize {

namespace {

constexpr EnumNames<Strategy, 7> kStrategyNames{{{
    {Strategy::automatic, "auto"},
    {Strategy::retrieval_masked, "retrieval-masked"},
    {Strategy::non_retrieval_masked, "non-retrieval-masked"},
    {Strategy::random_masked, "random-masked"},
    {Strategy::rejected_model, "rejected-model"},
    {Strategy::win_lose, "win-lose"},
    {Strategy::sft, "sft"},
}}};

}  // namespace

std::string to_string(Strategy strategy) { return kStrategyNames.name_of(strategy); }

Strategy parse_strategy(const std::string& name) {
  return kStrategyNames.parse("--strategy", name);
}

bool is_masked(Strategy strategy) {
  return strategy == Strategy::retrieval_masked || strategy == Strategy::non_retrieval_masked ||
         strategy == Strategy::random_masked;
}

bool has_rejected_policy(Strategy strategy) {
  return is_masked(strategy) || strategy == Strategy::rejected_model;
}

}  // namespace retmask::synthesize
