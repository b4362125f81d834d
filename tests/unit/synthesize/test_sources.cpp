#include <gtest/gtest.h>

#include "sources.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

const endpoint::Options kServer{.url = "http://localhost:1/v1", .model = "served"};

Options with_prompts() {
  Options options;
  options.prompts.files = {"prompts.jsonl"};
  return options;
}

Options masked() {
  Options options = with_prompts();
  options.model = "theta";
  options.mask = "mask.json";
  return options;
}

Options win_lose() {
  Options options = with_prompts();
  options.model = "theta";
  options.judge.server = kServer;
  options.samples = 2;
  return options;
}

void refused(const Options& options, const std::vector<std::string>& parts) {
  testing::expect_user_error([&] { options.validate(); }, parts);
}

TEST(Strategies, NamesGoBothWays) {
  for (const Strategy strategy : kStrategies) {
    EXPECT_EQ(parse_strategy(to_string(strategy)), strategy);
  }
  testing::expect_user_error([] { parse_strategy("win"); },
                             {"--strategy", "win", "win-lose", "random-masked", "sft"});
}

TEST(Sources, ImplyTheStrategy) {
  EXPECT_EQ(resolved_strategy(masked()), Strategy::retrieval_masked);
  EXPECT_EQ(resolved_strategy(win_lose()), Strategy::win_lose);
  Options options = with_prompts();
  options.rejected_model = "small";
  EXPECT_EQ(resolved_strategy(options), Strategy::rejected_model);
  options = with_prompts();
  options.rejected_server = kServer;
  EXPECT_EQ(resolved_strategy(options), Strategy::rejected_model);
  options.strategy = Strategy::sft;
  EXPECT_EQ(resolved_strategy(options), Strategy::sft);
}

TEST(Sources, AnySideMayBeRemote) {
  Options options = masked();
  options.validate();
  options.chosen_server = kServer;  // chosen remote, rejected local
  options.validate();

  options = with_prompts();
  options.model = "theta";
  options.rejected_server = kServer;  // chosen local, rejected remote
  options.validate();
  options.model.clear();
  options.chosen_server = kServer;  // both remote
  options.validate();
  options.rejected_server = {};
  options.rejected_model = "small";
  options.validate();

  options = win_lose();
  options.validate();
  options.model.clear();
  options.chosen_server = kServer;
  options.validate();
}

TEST(Sources, CombinationsWithoutSenseAreUserErrors) {
  Options options = with_prompts();
  options.model = "theta";
  refused(options, {"--mask", "--rejected-model", "--rejected-endpoint", "--strategy sft"});
  options.strategy = Strategy::random_masked;
  refused(options, {"--strategy random-masked", "--scores"});
  options.strategy = Strategy::rejected_model;
  refused(options, {"--rejected-model or --rejected-endpoint"});
  options.rejected_model = "small";
  options.rejected_server = kServer;
  refused(options, {"exactly one source", "not 2"});

  options = masked();
  options.model.clear();
  refused(options, {"--model is missing"});
  options.chosen_server = kServer;
  refused(options, {"--model is missing", "heads"});
  options = masked();
  options.strategy = Strategy::sft;
  refused(options, {"--strategy sft", "one policy", "--mask"});
  options = masked();
  options.strategy = Strategy::rejected_model;
  refused(options, {"--strategy rejected-model"});

  options = with_prompts();
  options.model = "theta";
  options.chosen_server = options.rejected_server = kServer;
  refused(options, {"--model is not used", "--endpoint"});
}

TEST(Sources, TheJudgeBelongsToWinLose) {
  Options options = win_lose();
  options.samples = 1;
  refused(options, {"--samples is 1", "at least 2"});
  options = win_lose();
  options.judge.server = {};
  options.strategy = Strategy::win_lose;
  refused(options, {"win-lose", "--judge-endpoint"});
  options = win_lose();
  options.strategy = Strategy::sft;
  refused(options, {"--judge-endpoint", "sft"});
  options = win_lose();
  options.judge.server.model = "";
  refused(options, {"--judge-model is missing"});
  options = masked();
  options.judge.prompt = "prompt.txt";
  refused(options, {"--judge-prompt", "--judge-endpoint"});
}

TEST(Sources, HaveNames) {
  Options options = masked();
  EXPECT_EQ(source_name(options, Policy::chosen), "theta");
  EXPECT_EQ(source_name(options, Policy::rejected), "theta masked by mask.json");
  options.mask_label = "random heads";
  EXPECT_EQ(source_name(options, Policy::rejected), "theta masked by random heads");
  options = with_prompts();
  options.chosen_server = options.rejected_server = kServer;
  options.rejected_server.model = "other";
  EXPECT_EQ(source_name(options, Policy::chosen), "served");
  EXPECT_EQ(source_name(options, Policy::rejected), "other");
}

}  // namespace
}  // namespace retmask::synthesize
