#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "model_source.h"
#include "retmask/model/config.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::golden;
namespace fs = std::filesystem;

class ModelAnswererTest : public ::testing::Test {
 protected:
  ModelAnswererTest() {
    const fs::path mask = dir_.write("mask.json", R"({"heads": [[0, 1], [1, 0], [2, 2]]})");
    source_ = {.model = golden("tiny/llama"),
               .masks = {{Policy::chosen, ""}, {Policy::rejected, mask}}};
    options_.device = "cpu";
    options_.dtype = "float32";
    options_.decoding.max_new_tokens = 24;
    options_.decoding.batch_size = 3;
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
    ModelSource source(source_, options_);
    source.load(tasks);
    source.answer(tasks, [&](const AnswerTask& task, const Answer& answer) {
      EXPECT_TRUE(all.emplace(task.name(), answer.text).second) << task.name() << " came twice";
      answers_[task.name()] = answer;
    });
    return all;
  }

  // Makes every token end the answer.
  void stop_at_any_token() {
    const fs::path model = dir_ / "model";
    fs::copy(source_.model, model, fs::copy_options::recursive);
    const int64_t vocab_size = read_model_config(Checkpoint(model)).vocab_size;
    std::vector<int64_t> ids(static_cast<size_t>(vocab_size));
    std::iota(ids.begin(), ids.end(), 0);
    write_json_file(model / "generation_config.json", {{"eos_token_id", ids}});
    source_.model = model;
  }

  const testing::TemporaryDir dir_;
  Source source_;
  ResolvedOptions options_;
  std::vector<Prompt> prompts_;
  std::vector<AnswerTask> tasks_;
  std::map<std::string, Answer> answers_;
};

TEST_F(ModelAnswererTest, EachPolicyHasItsOwnHeads) {
  options_.decoding.sampling.temperature = 0;
  const auto masked = texts(tasks_);
  EXPECT_EQ(masked.size(), tasks_.size());
  EXPECT_NE(masked.at("Rain?/chosen/0"), masked.at("Rain?/rejected/0"));
  source_.masks[Policy::rejected].clear();
  const auto unmasked = texts(tasks_);
  EXPECT_EQ(unmasked.at("Rain?/rejected/0"), masked.at("Rain?/chosen/0"));
}

TEST_F(ModelAnswererTest, AnswersDoNotDependOnBatchOrOrder) {
  const auto together = texts(tasks_);
  options_.decoding.batch_size = 1;
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
  stop_at_any_token();
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

}  // namespace
}  // namespace retmask::synthesize
