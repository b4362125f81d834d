#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "retmask/model/config.h"
#include "retmask/synthesize/model_answerer.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::golden;

class ModelAnswererTest : public ::testing::Test {
 protected:
  ModelAnswererTest() {
    decoding_.max_new_tokens = 24;
    decoding_.batch_size = 3;
    for (const char* text : {"Rain?", "Bread and butter?", "The moon, then?", "Owls?"}) {
      prompts_.push_back(testing::prompt(text, text));
    }
    for (const Prompt& prompt : prompts_) {
      tasks_.push_back({&prompt, Policy::chosen, 0});
      tasks_.push_back({&prompt, Policy::rejected, 0});
    }
  }

  std::map<std::string, std::string> texts(const std::vector<AnswerTask>& tasks) {
    std::map<std::string, std::string> all;
    ModelAnswerer answerer(
        model_, encoder_, heads_, stop_ids_, decoding_, decoding_.generator_options());
    answerer.answer(tasks, [&](const AnswerTask& task, const Answer& answer) {
      EXPECT_TRUE(all.emplace(task.name(), answer.text).second) << task.name() << " came twice";
      answers_[task.name()] = answer;
    });
    return all;
  }

  const Checkpoint checkpoint_{golden("tiny/llama")};
  const InferenceLm model_{CausalLm::load(checkpoint_, torch::kCPU, torch::kFloat32)};
  const PromptEncoder encoder_{golden("tiny/llama"), Json::object()};
  PolicyHeads heads_{{Policy::chosen, {}}, {Policy::rejected, {{0, 1}, {1, 0}, {2, 2}}}};
  std::vector<int64_t> stop_ids_ = checkpoint_.eos_token_ids();
  DecodingOptions decoding_;
  std::vector<Prompt> prompts_;
  std::vector<AnswerTask> tasks_;
  std::map<std::string, Answer> answers_;
};

TEST_F(ModelAnswererTest, EachPolicyHasItsOwnHeads) {
  decoding_.sampling.temperature = 0;
  const auto masked = texts(tasks_);
  EXPECT_EQ(masked.size(), tasks_.size());
  EXPECT_NE(masked.at("Rain?/chosen/0"), masked.at("Rain?/rejected/0"));
  heads_[Policy::rejected].clear();
  const auto unmasked = texts(tasks_);
  EXPECT_EQ(unmasked.at("Rain?/rejected/0"), masked.at("Rain?/chosen/0"));
}

TEST_F(ModelAnswererTest, AnswersDoNotDependOnBatchOrOrder) {
  const auto together = texts(tasks_);
  decoding_.batch_size = 1;
  EXPECT_EQ(texts(tasks_), together);
  std::reverse(tasks_.begin(), tasks_.end());
  EXPECT_EQ(texts(tasks_), together);
  EXPECT_EQ(texts({tasks_.front()}).begin()->second, together.at(tasks_.front().name()));
}

TEST_F(ModelAnswererTest, SamplesDiffer) {
  const auto all = texts({{&prompts_[0], Policy::chosen, 0}, {&prompts_[0], Policy::chosen, 1}});
  EXPECT_NE(all.at("Rain?/chosen/0"), all.at("Rain?/chosen/1"));
}

TEST_F(ModelAnswererTest, CountsTokensAndTellsHowItEnded) {
  texts(tasks_);
  for (const auto& [name, answer] : answers_) {
    EXPECT_LT(answer.mean_logprob, 0);
    EXPECT_EQ(answer.ending, answer.tokens == 24 ? Ending::length : Ending::stop) << name;
  }
  stop_ids_.resize(static_cast<size_t>(model_.config().vocab_size));
  std::iota(stop_ids_.begin(), stop_ids_.end(), 0);
  texts(tasks_);
  for (const auto& [name, answer] : answers_) {
    EXPECT_EQ(answer.ending, Ending::stop);
    EXPECT_EQ(answer.tokens, 1);
    EXPECT_EQ(answer.text, "") << "the stop token is not part of the text";
  }
}

TEST_F(ModelAnswererTest, PromptsThatAreTooLongGetNoAnswer) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "word ";
  const Prompt longest = testing::prompt("long", text);
  tasks_.insert(tasks_.begin() + 1, {&longest, Policy::chosen, 0});
  texts(tasks_);
  EXPECT_EQ(answers_.size(), tasks_.size());
  EXPECT_EQ(answers_.at("long/chosen/0").ending, Ending::prompt_too_long);
  EXPECT_EQ(answers_.at("long/chosen/0").tokens, 0);
  EXPECT_NE(answers_.at("Rain?/chosen/0").ending, Ending::prompt_too_long);
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
