#include <fstream>

#include "retmask/train/rows.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask::train {
namespace {

const char* const kPair = R"({"prompt": [{"role": "user", "content": "hi"}],
  "chosen": [{"role": "assistant", "content": "hello"}],
  "rejected": [{"role": "assistant", "content": "no"}], "id": 3, "meta": {}})";

TextRow parse(const std::string& json, LossKind loss) {
  return parse_row(parse_json(json, "test"), loss, "rows.jsonl:4");
}

void expect_bad(const std::string& json, std::initializer_list<std::string> parts) {
  expect_user_error([&] { parse(json, LossKind::dpo); }, {"rows.jsonl:4"});
  expect_user_error([&] { parse(json, LossKind::dpo); }, parts);
}

TEST(Rows, ReadsPairsForEachLoss) {
  for (const LossKind loss : {LossKind::dpo, LossKind::ipo}) {
    const TextRow row = parse(kPair, loss);
    EXPECT_TRUE(row.conversational());
    EXPECT_EQ(row.chosen[0]["content"], "hello");
    EXPECT_EQ(row.rejected[0]["content"], "no");
  }
  EXPECT_TRUE(parse(kPair, LossKind::sft).rejected.is_null()) << "sft learns from the chosen one";
}

TEST(Rows, ReadsPlainText) {
  const TextRow row = parse(R"({"prompt": "a", "chosen": "b", "rejected": "c"})", LossKind::dpo);
  EXPECT_FALSE(row.conversational());
  EXPECT_EQ(row.prompt, "a");
}

TEST(Rows, SftTakesCompletionsAndMessages) {
  EXPECT_EQ(parse(R"({"prompt": "a", "completion": "b"})", LossKind::sft).chosen, "b");
  const TextRow row = parse(R"({"messages": [{"role": "system", "content": "s"},
    {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]})",
                            LossKind::sft);
  EXPECT_EQ(row.prompt.size(), 2u);
  ASSERT_EQ(row.chosen.size(), 1u);
  EXPECT_EQ(row.chosen[0]["content"], "a");
  expect_user_error(
      [] { parse(R"({"messages": [{"role": "user", "content": "u"}]})", LossKind::sft); },
      {"rows.jsonl:4", "messages"});
}

TEST(Rows, PassesTemplateVariables) {
  const TextRow row = parse(R"({"prompt": "a", "chosen": "b", "rejected": "c", "tools": [1],
    "chat_template_kwargs": {"enable_thinking": false}})",
                            LossKind::dpo);
  EXPECT_EQ(row.template_variables["enable_thinking"], false);
  EXPECT_EQ(row.template_variables["tools"], Json::array({1}));
}

TEST(Rows, NamesWhatIsWrong) {
  expect_bad(R"({"prompt": "a", "chosen": "b"})", {"\"rejected\"", "found \"prompt\", \"chosen\""});
  expect_bad(R"({"prompt": "a", "completion": "b"})", {"\"rejected\""});
  expect_bad(R"({})", {"found none"});
  expect_bad(R"([1])", {"expected an object"});
  expect_bad(R"({"prompt": 1, "chosen": "b", "rejected": "c"})", {"\"prompt\" is 1"});
  expect_bad(R"({"prompt": "", "chosen": "b", "rejected": "c"})", {"\"prompt\" is empty"});
  expect_bad(R"({"prompt": "a", "chosen": [], "rejected": "c"})", {"\"chosen\" is empty"});
  expect_bad(
      R"({"prompt": "a", "chosen": "b", "rejected": [{"role": "assistant", "content": "c"}]})",
      {"same form"});
  expect_bad(R"({"prompt": [{"role": "user"}], "chosen": "b", "rejected": "c"})",
             {"\"prompt\" holds", "content"});
  expect_bad(R"({"prompt": "a", "chosen": "b", "rejected": "c", "tools": "rain"})", {"\"tools\""});
}

TEST(Rows, AnImplicitPromptIsTheCommonBeginning) {
  const TextRow talk = parse(R"({
    "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "yes"}],
    "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "no"},
                 {"role": "user", "content": "why"}, {"role": "assistant", "content": "so"}]})",
                             LossKind::dpo);
  EXPECT_EQ(talk.prompt, Json::parse(R"([{"role": "user", "content": "q"}])"));
  EXPECT_EQ(talk.chosen, Json::parse(R"([{"role": "assistant", "content": "yes"}])"));
  EXPECT_EQ(talk.rejected.size(), 3u);

  const TextRow text =
      parse(R"({"chosen": "Q: one?\nA: été", "rejected": "Q: one?\nA: êta"})", LossKind::dpo);
  EXPECT_EQ(text.prompt, "Q: one?\nA:");
  EXPECT_EQ(text.chosen, " été") << "no character is cut, and the space goes to the answers";
  EXPECT_EQ(text.rejected, " êta");
}

TEST(Rows, AnImplicitPromptIsNeverAGuess) {
  expect_bad(R"({"chosen": "yes", "rejected": "no"})", {"no \"prompt\"", "common beginning"});
  expect_bad(R"({"chosen": "yes", "rejected": "yes, but"})", {"no \"prompt\"", "ends"});
  expect_bad(R"({"question": "q", "chosen": "It is", "rejected": "It was"})",
             {"\"question\"", "rename"});
  expect_bad(
      R"({"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}],
                 "rejected": [{"role": "user", "content": "b"}, {"role": "assistant", "content": "x"}]})",
      {"different messages"});
  expect_bad(R"({"chosen": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}],
                 "rejected": [{"role": "system", "content": "s"}, {"role": "user", "content": "b"}]})",
             {"chosen", "of the user"});
  expect_bad(R"({"chosen": "a b", "rejected": [{"role": "assistant", "content": "c"}]})",
             {"alike"});
}

// UltraFeedback repeats the question as a string.
TEST(Rows, ATextPromptBesideConversationsMustBeTheirs) {
  const std::string answers = R"(
    "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
    "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]})";
  EXPECT_EQ(parse(R"({"prompt": "q",)" + answers, LossKind::dpo).prompt,
            Json::parse(R"([{"role": "user", "content": "q"}])"));
  expect_bad(R"({"prompt": "other",)" + answers, {"\"prompt\"", "begin with"});
  expect_bad(R"({"prompt": [{"role": "user", "content": "q"}],)" + answers, {"chosen", "user"});
}

TEST(Rows, OtherNamesOfRolesAndContextAreUnderstood) {
  const TextRow row = parse(R"({"system": "s", "history": [["a", "b"]],
    "prompt": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "x"},
    "rejected": "[{\"role\": \"ASSISTANT\", \"content\": \"y\"}]", "tools": "[]"})",
                            LossKind::dpo);
  EXPECT_EQ(row.prompt, Json::parse(R"([{"role": "system", "content": "s"},
    {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
    {"role": "user", "content": "q"}])"));
  EXPECT_EQ(row.chosen, Json::parse(R"([{"role": "assistant", "content": "x"}])"));
  EXPECT_EQ(row.rejected, Json::parse(R"([{"role": "assistant", "content": "y"}])"));
  EXPECT_EQ(row.template_variables, Json::parse(R"({"tools": []})"));
  expect_bad(R"({"system": "s", "prompt": "a", "chosen": "b", "rejected": "c"})",
             {"system prompt"});
  expect_bad(R"({"prompt": "a", "chosen": "b", "rejected": "c", "images": ["x.png"]})", {"images"});
}

TEST(Rows, FileErrorsNameTheLine) {
  const testing::TempDir folder;
  const auto path = folder / "pairs.jsonl";
  std::ofstream(path)
      << "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n\n{\"prompt\": 1}\n";
  int64_t seen = 0;
  expect_user_error([&] { for_each_row(path, LossKind::dpo, [&](const TextRow&) { ++seen; }); },
                    {path.string() + ":3"});
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace retmask::train
