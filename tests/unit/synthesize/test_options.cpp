#include <gtest/gtest.h>

#include "retmask/synthesize/options.h"
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
  EXPECT_EQ(resolve(masked()).strategy, Strategy::retrieval_masked);
  EXPECT_EQ(resolve(win_lose()).strategy, Strategy::win_lose);
  Options options = with_prompts();
  options.model = "theta";
  options.rejected_model = "small";
  EXPECT_EQ(resolve(options).strategy, Strategy::rejected_model);
  options.rejected_model.clear();
  options.rejected_server = kServer;
  EXPECT_EQ(resolve(options).strategy, Strategy::rejected_model);
  options.rejected_server = {};
  options.strategy = Strategy::sft;
  EXPECT_EQ(resolve(options).strategy, Strategy::sft);
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

std::vector<std::vector<Policy>> policies_by_source(const Options& options) {
  std::vector<std::vector<Policy>> all;
  for (const Source& source : resolve(options).sources) {
    std::vector<Policy>& policies = all.emplace_back();
    for (const auto& [policy, mask] : source.masks) policies.push_back(policy);
  }
  return all;
}

TEST(Sources, AnswerForTheirPolicies) {
  using Policies = std::vector<std::vector<Policy>>;
  Options options = masked();
  EXPECT_EQ(policies_by_source(options), (Policies{{Policy::chosen, Policy::rejected}}));
  const Source theta = resolve(options).sources.at(0);
  EXPECT_FALSE(theta.is_remote());
  EXPECT_EQ(theta.masks.at(Policy::chosen), "");
  EXPECT_EQ(theta.masks.at(Policy::rejected), "mask.json");
  options.chosen_server = kServer;
  EXPECT_EQ(policies_by_source(options), (Policies{{Policy::rejected}, {Policy::chosen}}))
      << "the masked model answers first";
  EXPECT_TRUE(resolve(options).source_of(Policy::chosen).is_remote());

  options = with_prompts();
  options.model = options.rejected_model = "theta";
  EXPECT_EQ(policies_by_source(options), (Policies{{Policy::chosen}, {Policy::rejected}}));
  EXPECT_EQ(policies_by_source(win_lose()), (Policies{{Policy::chosen}}));
}

TEST(Sources, HaveNames) {
  Options options = masked();
  const auto name = [&](Policy policy) { return resolve(options).source_name(policy); };
  EXPECT_EQ(name(Policy::chosen), "theta");
  EXPECT_EQ(name(Policy::rejected), "theta masked by mask.json");
  options.mask_label = "random heads";
  EXPECT_EQ(name(Policy::rejected), "theta masked by random heads");
  options = with_prompts();
  options.chosen_server = options.rejected_server = kServer;
  options.rejected_server.model = "other";
  EXPECT_EQ(name(Policy::chosen), "served");
  EXPECT_EQ(name(Policy::rejected), "other");
}

TEST(ResolvedOptions, SettleWhatDependsOnOthers) {
  Options options = masked();
  options.chosen_server = kServer;
  options.template_variables = {{"date", "today"}};
  const ResolvedOptions plain = resolve(options);
  EXPECT_EQ(plain.template_variables, options.template_variables);
  EXPECT_FALSE(plain.source_of(Policy::chosen).server.logprobs);
  options.thinking = Thinking::off;
  options.decoding.logprobs = true;
  const ResolvedOptions resolved = resolve(options);
  EXPECT_EQ(resolved.template_variables,
            Json::parse(R"({"date": "today", "enable_thinking": false})"));
  EXPECT_TRUE(resolved.source_of(Policy::chosen).server.logprobs);
  options.template_variables["enable_thinking"] = true;
  testing::expect_user_error([&] { resolve(options); }, {"--thinking off", "enable_thinking"});
}

TEST(DecodingOptions, MistakesAreUserErrors) {
  testing::expect_user_error([] { DecodingOptions{.max_new_tokens = 0}.validate(); },
                             {"--max-new-tokens"});
  testing::expect_user_error([] { DecodingOptions{.batch_size = 0}.validate(); }, {"--batch-size"});
  testing::expect_user_error([] { DecodingOptions{.sampling = {.top_p = 1.5}}.validate(); },
                             {"--top-p"});
}

}  // namespace
}  // namespace retmask::synthesize
