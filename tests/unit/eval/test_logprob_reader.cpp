#include "retmask/base/error.h"
#include "retmask/eval/logprob_suite.h"
#include "tiny_subject.h"

namespace retmask::eval {
namespace {

class LogprobReaderTest : public TinySubjectTest {
 protected:
  std::vector<LogprobRow> read(const std::string& lines) {
    LogprobReader reader(*tokenizer_, checkpoint_.dir(), model_.config());
    return reader.read(write("rows.jsonl", lines));
  }

  std::string error_of(const std::string& lines) {
    try {
      read(lines);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  std::vector<int64_t> encode(const std::string& text) const {
    return tokenizer_->encode(text, /*add_special_tokens=*/true);
  }
};

TEST_F(LogprobReaderTest, TextIsEncodedAsItIs) {
  const auto rows = read("{\"text\": \"the old mill\"}\n{\"id\": \"b\", \"text\": \"a key\"}\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].id, 0);
  EXPECT_EQ(rows[1].id, "b");
  EXPECT_EQ(rows[0].tokens, encode("the old mill"));
  EXPECT_FALSE(rows[0].completion_start);
}

TEST_F(LogprobReaderTest, MessagesAreRenderedWithoutAGenerationPrompt) {
  const auto rows = read(
      R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]})");
  EXPECT_EQ(tokenizer_->decode(rows[0].tokens, /*skip_special_tokens=*/false),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n");
}

TEST_F(LogprobReaderTest, CompletionBeginsBehindThePromptsTokens) {
  const auto rows = read(
      "{\"prompt\": \"the key\", \"completion\": \" of the mill\"}\n"
      "{\"prompt\": \"the key \", \"completion\": \"of the mill\"}\n"
      "{\"prompt\": \"\", \"completion\": \"of the mill\"}\n");
  EXPECT_EQ(rows[0].tokens, encode("the key of the mill"));
  EXPECT_EQ(rows[0].completion_start, static_cast<int64_t>(encode("the key").size()));
  // The space belongs to the completion, whichever field it is in.
  EXPECT_EQ(rows[1].tokens, rows[0].tokens);
  EXPECT_EQ(rows[1].completion_start, rows[0].completion_start);
  EXPECT_EQ(rows[2].completion_start, 0);
}

TEST_F(LogprobReaderTest, MistakesNameFileAndLine) {
  const std::string at_2 = (dir_ / "rows.jsonl").string() + ":2: ";
  const std::string good = "{\"text\": \"a\"}\n";
  EXPECT_EQ(error_of(good + "{\"text\": \"\"}"), at_2 + "\"text\" is empty");
  EXPECT_EQ(error_of(good + "{\"text\": 3}").find(at_2 + "\"text\" has the wrong type"), 0u);
  EXPECT_EQ(error_of(good + "{\"prompt\": \"a\", \"completion\": \"\"}"),
            at_2 + "\"completion\" is empty");
  EXPECT_EQ(error_of(good + "{\"prompt\": \"a\"}").find(at_2 + "expected one of"), 0u);
  EXPECT_EQ(error_of(good + "{\"text\": \"a\", \"messages\": []}").find(at_2 + "expected one of"),
            0u);
  EXPECT_EQ(error_of(good + "[\"text\"]").find(at_2 + "expected one of"), 0u);
  EXPECT_EQ(error_of(good + "{\"messages\": []}").find(at_2 + "\"messages\" is not a list"), 0u);
  EXPECT_NE(error_of("").find("is empty"), std::string::npos);
}

TEST_F(LogprobReaderTest, RefusesARowLongerThanTheModel) {
  std::string text;
  for (int64_t i = 0; i <= model_.config().max_positions; ++i) text += " the";
  const std::string error = error_of("{\"text\": \"" + text + "\"}");
  EXPECT_NE(
      error.find("rows.jsonl:1: the row has 2049 tokens, more than the model's maximum of 2048"),
      std::string::npos)
      << error;
}

TEST_F(LogprobReaderTest, RefusesTokensThatTheModelDoesNotHave) {
  ModelConfig small = model_.config();
  small.vocab_size = 20;
  LogprobReader reader(*tokenizer_, checkpoint_.dir(), small);
  EXPECT_THROW(reader.read(write("rows.jsonl", "{\"text\": \"the key\"}")), UserError);
}

}  // namespace
}  // namespace retmask::eval
