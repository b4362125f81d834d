// Thinking of reasoning models: its budget, and telling it from the answer.

#include "retmask/engine/generator.h"
#include "retmask/eval/answer_samples.h"
#include "retmask/eval/kv_suite.h"
#include "thinking_rule.h"
#include "thinking_watch.h"
#include "tiny_subject.h"
#include "unit/support/expect_user_error.h"

namespace retmask::eval {
namespace {

constexpr const char* kOpeningTemplate =
    "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<think>\n{% endif %}";

class ThinkingTest : public TinySubjectTest {
 protected:
  // A folder with this chat template.
  std::filesystem::path folder_with(const std::string& text) const {
    std::filesystem::create_directories(dir_ / "template");
    write_file_atomic(dir_ / "template" / "chat_template.jinja", text);
    return dir_ / "template";
  }

  std::vector<int64_t> tokens_of(const std::string& text) const {
    return tokenizer_->encode(text, /*add_special_tokens=*/false);
  }

  std::vector<Sample> samples(const ThinkingOptions& thinking) const {
    const PromptEncoder encoder(
        *tokenizer_, folder_with(kOpeningTemplate), ChatUse::all, std::nullopt, thinking);
    std::vector<Sample> built = build_kv_samples({.keys = {2, 5}, .depths = 2, .max_samples = 3},
                                                 /*rows=*/{},
                                                 encoder,
                                                 model_.config().max_positions);
    for (Sample& sample : built) sample.max_new_tokens = kAnswerTokens;
    return built;
  }

  std::vector<Json> run(const std::string& name,
                        const ThinkingOptions& thinking,
                        int64_t batch_size = 4) const {
    const std::vector<Sample> asked = samples(thinking);
    SampleJournal journal = open_journal(dir_ / name, asked);
    answer_samples(subject(),
                   asked,
                   {.title = "test", .batch_size = batch_size, .thinking = thinking},
                   journal);
    return std::move(journal).close();
  }

  // Greedy.
  std::vector<int64_t> continued(std::vector<int64_t> prompt, int64_t new_tokens) const {
    std::vector<int64_t> tokens;
    const std::vector<GenerationRequest> requests = {
        {.prompt = std::move(prompt), .max_new_tokens = new_tokens}};
    Generator(model_, {.max_batch_size = 1})
        .run(source_of(requests),
             [&](size_t, size_t, const GenerationResult& result) { tokens = result.tokens; });
    return tokens;
  }

  static constexpr int64_t kAnswerTokens = 12;
  static constexpr int64_t kBudget = 10;
  const ThinkingOptions budget_{.use = Thinking::on, .budget = kBudget};
};

TEST_F(ThinkingTest, ABudgetEndsTheThinkingAndLeavesTheAnswerItsTokens) {
  const std::vector<Json> rows = run("rows.jsonl", budget_);
  const std::vector<Sample> asked = samples(budget_);
  ASSERT_EQ(rows.size(), asked.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<int64_t> whole = asked[i].prompt;
    const std::vector<int64_t> thinking = continued(whole, kBudget);
    whole.insert(whole.end(), thinking.begin(), thinking.end());
    const std::vector<int64_t> end = end_of_thinking(*tokenizer_);
    whole.insert(whole.end(), end.begin(), end.end());
    const std::string answer = tokenizer_->decode(continued(whole, kAnswerTokens), true);
    EXPECT_EQ(rows[i]["answer"], split_thinking("</think>" + answer).answer);
    EXPECT_EQ(rows[i]["unended_thinking"], false);
    EXPECT_TRUE(rows[i]["thinking"].get<std::string>().ends_with("thinking directly now."));
  }
}

TEST_F(ThinkingTest, BytesDependOnNeitherBatchNorInterruption) {
  const auto bytes = [&](const char* name) { return read_text_file(dir_ / name, "rows"); };
  const std::vector<Json> rows = run("whole.jsonl", budget_);
  run("one.jsonl", budget_, /*batch_size=*/1);
  EXPECT_EQ(bytes("one.jsonl"), bytes("whole.jsonl"));
  write_json_lines(dir_ / "part.jsonl", {rows[4], rows[1]});
  run("part.jsonl", budget_, /*batch_size=*/3);
  EXPECT_EQ(bytes("part.jsonl"), bytes("whole.jsonl"));
}

TEST_F(ThinkingTest, AThinkingWithoutAnEndLeavesAnEmptyAnswer) {
  const std::vector<Json> rows = run("rows.jsonl", {.use = Thinking::on});
  for (const Json& row : rows) {
    EXPECT_EQ(row["answer"], "");
    EXPECT_EQ(row["unended_thinking"], true);
    EXPECT_FALSE(row["thinking"].get<std::string>().empty());
  }
  Json results = Json::object();
  count_unended_thinking(rows, results);
  EXPECT_EQ(results["unended_thinking"], 6);
}

TEST_F(ThinkingTest, PromptsLeaveRoomForTheBudget) {
  const int64_t max_positions = 1000;
  const ThinkingOptions budget{.use = Thinking::on, .budget = 100};
  const auto longest = [&](const ThinkingOptions& thinking) {
    const PromptEncoder encoder(
        *tokenizer_, folder_with(kOpeningTemplate), ChatUse::all, std::nullopt, thinking);
    const std::vector<Sample> built =
        build_kv_samples({.lengths = {1000}, .max_samples = 1}, {}, encoder, max_positions);
    return static_cast<int64_t>(built[0].prompt.size()) + built[0].max_new_tokens +
           thinking.extra_tokens(*tokenizer_);
  };
  EXPECT_LE(longest(budget), max_positions);
  EXPECT_LE(longest({.use = Thinking::on}), max_positions);
}

TEST_F(ThinkingTest, TheStartOfAnAnswerMovesIntoTheMessage) {
  const std::filesystem::path folder =
      folder_with("[{{ messages[-1]['content'] }}]{% if enable_thinking %}hm{% endif %}<think>");
  const PromptEncoder encoder(*tokenizer_, folder, ChatUse::all, std::nullopt, budget_);
  Sample sample;
  encoder.encode(user_prompt("Say it.", " It is"), sample);
  EXPECT_EQ(tokenizer_->decode(sample.prompt, false), "[Say it. It is]hm<think>");
  EXPECT_TRUE(sample.opens_thinking);
}

TEST_F(ThinkingTest, SaysWhatATemplateCannotDo) {
  const auto encode = [&](const char* text, ChatUse chat, Thinking use) {
    const PromptEncoder encoder(
        *tokenizer_, folder_with(text), chat, std::nullopt, ThinkingOptions{.use = use});
    Sample sample;
    encoder.encode(user_prompt("Hello"), sample);
    return sample.opens_thinking;
  };
  const char* plain = "{{ messages[0]['content'] }}";
  const char* obeys = "{{ messages[0]['content'] }}{% if not enable_thinking %}/no{% endif %}";
  EXPECT_FALSE(encode(plain, ChatUse::all, Thinking::off));
  EXPECT_FALSE(encode(obeys, ChatUse::all, Thinking::off));
  EXPECT_FALSE(encode(obeys, ChatUse::all, Thinking::on));
  EXPECT_TRUE(encode(kOpeningTemplate, ChatUse::all, Thinking::on));
  expect_user_error([&] { encode(plain, ChatUse::all, Thinking::on); },
                    {"--thinking on", "enable_thinking"});
  expect_user_error([&] { encode(obeys, ChatUse::none, Thinking::on); },
                    {"--thinking on", "plain text"});
  EXPECT_TRUE(encode(kOpeningTemplate, ChatUse::all, Thinking::automatic));
  expect_user_error([&] { encode(kOpeningTemplate, ChatUse::all, Thinking::off); },
                    {"--thinking off", "always thinks", "--thinking on"});
}

// HELMET's own prompts are made so.
TEST_F(ThinkingTest, AutomaticMayTellTheTemplateNothing) {
  const auto folder = folder_with(
      "{{ messages[0]['content'] }}{% if enable_thinking is defined %} {{ enable_thinking }}"
      "{% endif %}");
  const auto prompt = [&](const ThinkingOptions& thinking) {
    const PromptEncoder encoder(*tokenizer_, folder, ChatUse::all, std::nullopt, thinking);
    Sample sample;
    encoder.encode(user_prompt("Hello"), sample);
    return tokenizer_->decode(sample.prompt, false);
  };
  EXPECT_EQ(prompt({}), "Hello False");
  EXPECT_EQ(prompt({.automatic_is_silent = true}), "Hello");
  EXPECT_EQ(prompt({.use = Thinking::off, .automatic_is_silent = true}), "Hello False");
  EXPECT_EQ(prompt({.use = Thinking::on, .automatic_is_silent = true}), "Hello True");
}

TEST_F(ThinkingTest, ReadsWhatWasGenerated) {
  struct Case {
    Thinking use;
    bool opens;
    const char* output;
    ThoughtAnswer expected;
  };
  const std::vector<Case> cases = {
      {Thinking::on, false, "<think>\nhm\n</think>\n\nYes.", {"hm", "Yes."}},
      {Thinking::on, true, "hm\n</think>\n\nYes.", {"hm", "Yes."}},
      {Thinking::on, true, "a</think>b</think> c", {"a</think>b", "c"}},
      {Thinking::on, false, " Yes.", {"", " Yes."}},
      {Thinking::on, false, "<thi", {"", "<thi"}},
      {Thinking::on, false, "<think>\nhm", {"hm", "", true}},
      {Thinking::on, true, "hm", {"hm", "", true}},
      {Thinking::off, false, "<think>\nhm\n</think>\n\nYes.", {"hm", "Yes."}},
      {Thinking::off, false, " Yes.", {"", " Yes."}},
      {Thinking::automatic, true, "hm\n</think>\n\nYes.", {"hm", "Yes."}},
      {Thinking::automatic, true, "hm", {"", "hm"}},
  };
  for (const Case& one : cases) {
    const ThinkingRule rule(*tokenizer_, {.use = one.use});
    const ThoughtAnswer read =
        rule.read({.opens_thinking = one.opens, .max_new_tokens = 100}, tokens_of(one.output));
    EXPECT_EQ(read.thinking, one.expected.thinking) << one.output;
    EXPECT_EQ(read.answer, one.expected.answer) << one.output;
    EXPECT_EQ(read.is_unended, one.expected.is_unended) << one.output;
  }
}

TEST_F(ThinkingTest, StopTextsEndTheAnswerAlone) {
  const AnswerLimits limits{.opens_thinking = true, .max_new_tokens = 100, .stop = {"\n\n"}};
  const ThinkingRule rule(*tokenizer_, budget_);
  GenerationRequest request;
  rule.apply(limits, request);
  const std::vector<int64_t> tokens = tokens_of("a\n\nb</think>\n\nc d\n\ne");
  size_t end = 1;
  while (end < tokens.size() && !request.stop_rule(std::span(tokens).first(end))) ++end;
  const auto stopped = std::span(tokens).first(end);
  EXPECT_EQ(tokenizer_->decode(stopped, false), "a\n\nb</think>\n\nc d\n\n");
  EXPECT_EQ(rule.read(limits, stopped).answer, "c d");
}

// With a budget the engine's own limit is that of the longest thinking.
TEST_F(ThinkingTest, AnAnswerEndsAtItsLimitHoweverShortItsThinking) {
  const ThinkingRule rule(*tokenizer_, budget_);
  const auto length_of = [&](bool opens, const std::string& thinking) {
    GenerationRequest request;
    rule.apply({.opens_thinking = opens, .max_new_tokens = 3}, request);
    std::vector<int64_t> tokens = tokens_of(thinking);
    const size_t begin = tokens.size();
    do {
      tokens.push_back(tokens_of("a").front());
    } while (!request.stop_rule(tokens) && tokens.size() < 100);
    return tokens.size() - begin;
  };
  EXPECT_EQ(length_of(true, "b</think>"), 3u);
  EXPECT_EQ(length_of(false, "<think>b</think>"), 3u);
  EXPECT_EQ(length_of(false, ""), 3u);
}

TEST_F(ThinkingTest, TheWatchForgetsAnAnswerThatIsStartedAgain) {
  const std::vector<int64_t> end = tokens_of(".</think>");
  const int64_t letter = tokens_of("a").front();
  ThinkingWatch watch(*tokenizer_, {.is_open = true, .budget = 2, .end_tokens = end});
  for (int round = 0; round < 2; ++round) {
    std::vector<int64_t> tokens;
    while (tokens.size() < 20) {
      const auto forced = watch.forced(tokens);
      const bool is_answer = tokens.size() >= 2 + end.size();
      EXPECT_EQ(forced.has_value(), tokens.size() >= 2 && !is_answer);
      EXPECT_EQ(watch.answer(tokens).has_value(), is_answer);
      tokens.push_back(forced.value_or(letter));
    }
  }
}

TEST_F(ThinkingTest, OptionsAreChecked) {
  expect_user_error([] { ThinkingOptions{.budget = 5}.validate(); },
                    {"--thinking-budget", "--thinking on"});
  expect_user_error([] { (ThinkingOptions{.use = Thinking::on, .budget = -1}.validate()); },
                    {"--thinking-budget is -1"});
  expect_user_error([] { parse_thinking("yes"); }, {"--thinking", "auto, off, on"});
}

}  // namespace
}  // namespace retmask::eval
