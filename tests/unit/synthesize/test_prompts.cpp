#include <gtest/gtest.h>

#include "retmask/synthesize/prompts.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::expect_user_error;
using testing::golden;
using testing::ids;
using testing::TemporaryDir;
namespace fs = std::filesystem;

PromptSet read_files(std::vector<fs::path> files, const std::string& field = "") {
  return read_prompts({.files = std::move(files), .field = field});
}

class PromptsTest : public ::testing::Test {
 protected:
  PromptSet read(const std::string& name, const std::string& text) const {
    return read_files({dir_.write(name, text)}, field_);
  }
  // Messages of the only prompt in a one-row .jsonl.
  Json messages(const std::string& row) const {
    const PromptSet set = read("p.jsonl", Json::parse(row).dump());
    return set.prompts.size() == 1 ? set.prompts.front().messages : Json();
  }
  void expect_error(const std::string& name,
                    const std::string& text,
                    const std::vector<std::string>& parts) const {
    expect_user_error([&] { read(name, text); }, parts);
  }

  const TemporaryDir dir_;
  std::string field_;
};

Json user(const std::string& text) { return Json::array({{{"role", "user"}, {"content", text}}}); }

TEST_F(PromptsTest, RowsOfBracketsAreErrors) {
  constexpr size_t kLevels = 300000;
  const std::string deep =
      R"({"messages": )" + std::string(kLevels, '[') + std::string(kLevels, ']') + "}";
  expect_error("p.jsonl", "{\"prompt\": \"a\"}\n" + deep + "\n", {"p.jsonl:2", "levels deep"});
  expect_error("p.json", "[{\"prompt\": \"a\"}, " + deep + "]", {"p.json:2", "levels deep"});
  expect_error("q.json", std::string(kLevels, '['), {"q.json:1", "the file ends inside it"});
}

TEST_F(PromptsTest, EveryColumnIsRead) {
  EXPECT_EQ(messages(R"({"messages": [{"role": "user", "content": "a"}]})"), user("a"));
  EXPECT_EQ(messages(R"({"conversation": [{"content": "a", "role": "user"}]})"), user("a"));
  EXPECT_EQ(messages(R"({"conversations": [{"from": "human", "value": "a"},
                                           {"from": "gpt", "value": "b"}]})"),
            user("a"));
}

TEST_F(PromptsTest, ShareGptNamesBecomeRoles) {
  EXPECT_EQ(
      messages(
          R"({"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "a"}]})"),
      Json::parse(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "a"}])"));
  // Some ShareGPT conversations begin with an assistant turn.
  EXPECT_EQ(
      messages(
          R"({"conversations": [{"from": "gpt", "value": "b"}, {"from": "human", "value": "a"}]})"),
      user("a"));
}

TEST_F(PromptsTest, PromptIsTextOrMessages) {
  EXPECT_EQ(messages(R"({"prompt": "a"})"), user("a"));
  EXPECT_EQ(messages(R"({"prompt": [{"role": "user", "content": "a"}]})"), user("a"));
}

TEST_F(PromptsTest, InstructionTakesItsInput) {
  EXPECT_EQ(messages(R"({"instruction": "Add.", "input": "2 3", "output": "5"})"),
            user("Add.\n\n2 3"));
  EXPECT_EQ(messages(R"({"instruction": "Add.", "input": "", "output": "5"})"), user("Add."));
  EXPECT_EQ(messages(R"({"instruction": "Add."})"), user("Add."));
}

TEST_F(PromptsTest, DollysContextIsAnInput) {
  EXPECT_EQ(messages(R"({"instruction": "Sum up.", "context": "A text.", "response": "x"})"),
            user("Sum up.\n\nA text."));
}

TEST_F(PromptsTest, SystemPromptAndHistoryOfTheRowAreRead) {
  const auto whole = [&](const std::string& row) {
    const auto file = dir_.write("p.jsonl", Json::parse(row).dump());
    return read_prompts({.files = {file}, .turns = Turns::all}).prompts.at(0).messages;
  };
  const Json expected = Json::parse(R"([{"role": "system", "content": "s"},
      {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
      {"role": "user", "content": "c\n\nd"}])");
  EXPECT_EQ(whole(R"({"instruction": "c", "input": "d", "system": "s", "history": [["a", "b"]]})"),
            expected);
  EXPECT_EQ(whole(R"({"conversations": [{"from": "human", "value": "c\n\nd"}], "system_prompt": "s",
                      "history": [["a", "b"]]})"),
            expected);
  const auto file = dir_.write("p.jsonl", R"({"prompt": "a", "system": "own"})");
  EXPECT_EQ(
      read_prompts({.files = {file}, .system_prompt = "general"}).prompts[0].messages[0]["content"],
      "own");
}

TEST_F(PromptsTest, NothingBeforeTheFirstTurnIsDroppedButTheModels) {
  const std::string talk = R"({"messages": [{"role": "assistant", "content": "hello"},
      {"role": "system", "content": "s"}, {"role": "system", "content": "t"},
      {"role": "developer", "content": "d"}, {"role": "user", "content": "a"}]})";
  EXPECT_EQ(messages(talk),
            Json::parse(R"([{"role": "system", "content": "s"}, {"role": "system", "content": "t"},
      {"role": "developer", "content": "d"}, {"role": "user", "content": "a"}])"));
}

TEST_F(PromptsTest, MessagesMayBeOneJsonText) {
  EXPECT_EQ(messages(R"({"messages": "[{\"role\": \"user\", \"content\": \"a\"}]"})"), user("a"));
  EXPECT_EQ(messages(R"({"prompt": "[{\"role\": \"user\", \"content\": \"a\"}]"})"), user("a"));
  EXPECT_EQ(messages(R"({"prompt": "[1, 2, 3] What is the sum?"})"),
            user("[1, 2, 3] What is the sum?"));
  expect_error("p.jsonl", R"({"messages": "hello"})", {"p.jsonl:1", "messages", "hello"});
}

TEST_F(PromptsTest, ToolsAreKeptForTheTemplate) {
  const PromptSet set = read("p.jsonl",
                             "{\"prompt\": \"a\", \"tools\": \"[{\\\"name\\\": \\\"f\\\"}]\"}\n"
                             "{\"prompt\": \"a\", \"tools\": []}\n");
  EXPECT_EQ(set.prompts[0].template_variables, Json::parse(R"({"tools": [{"name": "f"}]})"));
  EXPECT_EQ(set.prompts[1].template_variables, Json::object());
  expect_error("p.jsonl", R"({"prompt": "a", "images": ["x.png"]})", {"p.jsonl:1", "images"});
  PromptOptions options{.files = {dir_ / "p.jsonl"}};
  dir_.write("p.jsonl",
             "{\"prompt\": \"a\", \"tools\": [1]}\n{\"prompt\": \"a\"}\n{\"prompt\": \"a\"}\n");
  options.filters.deduplicate = true;
  EXPECT_EQ(read_prompts(options).prompts.size(), 2u) << "same messages, different tools";
}

TEST_F(PromptsTest, FirstTurnIsTaken) {
  EXPECT_EQ(messages(R"({"turns": ["a", "b"]})"), user("a"));
  EXPECT_EQ(messages(R"({"messages": [{"role": "user", "content": "a"},
                        {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})"),
            user("a"));
}

TEST_F(PromptsTest, PartsOfTextAreJoined) {
  EXPECT_EQ(messages(R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"},
                                                              {"type": "text", "text": "b"}]}]})"),
            user("ab"));
  expect_error(
      "p.jsonl",
      R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]})",
      {"p.jsonl:1", "image_url"});
}

TEST_F(PromptsTest, NamedFieldWins) {
  field_ = "question";
  EXPECT_EQ(messages(R"({"prompt": "no", "question": "yes", "input": "no"})"), user("yes"));
  EXPECT_EQ(messages(R"({"question": [{"role": "user", "content": "yes"}]})"), user("yes"));
  expect_error("p.jsonl", R"({"prompt": "no"})", {"p.jsonl:1", "question", "--prompt-field"});
}

TEST_F(PromptsTest, SystemPromptGoesBeforePromptsWithoutOne) {
  const auto file = dir_.write("p.jsonl",
                               "{\"prompt\": \"a\"}\n"
                               "{\"messages\": [{\"role\": \"system\", \"content\": \"own\"}, "
                               "{\"role\": \"user\", \"content\": \"b\"}]}\n");
  const PromptSet set = read_prompts({.files = {file}, .system_prompt = "general"});
  ASSERT_EQ(set.prompts.size(), 2u);
  EXPECT_EQ(set.prompts[0].messages[0], Json::parse(R"({"role": "system", "content": "general"})"));
  EXPECT_EQ(set.prompts[0].messages[1]["content"], "a");
  EXPECT_EQ(set.prompts[1].messages[0]["content"], "own");
}

TEST_F(PromptsTest, BlankPromptsAreCountedAndLeftOut) {
  const PromptSet set = read("p.jsonl",
                             "{\"prompt\": \"a\"}\n{\"prompt\": \" \\n\"}\n"
                             "{\"messages\": []}\n"
                             "{\"messages\": [{\"role\": \"user\", \"content\": null}]}\n");
  EXPECT_EQ(set.prompts.size(), 1u);
  EXPECT_EQ(set.rows, 4);
  EXPECT_EQ(set.left_out.at(SkipReason::blank), 3);
  expect_error("p.jsonl", "{\"prompt\": \"\"}", {"no prompt is left", "1 blank"});
}

TEST_F(PromptsTest, OwnIdsAreUsedWhenUnique) {
  const PromptSet set = read("p.jsonl",
                             "{\"id\": \"x\", \"prompt\": \"a\"}\n"
                             "{\"key\": 1000, \"prompt\": \"b\"}\n"
                             "\n"
                             "{\"conversation_id\": \"dup\", \"prompt\": \"c\"}\n"
                             "{\"conversation_id\": \"dup\", \"prompt\": \"d\"}\n"
                             "{\"prompt\": \"e\"}\n");
  EXPECT_EQ(ids(set.prompts),
            (std::vector<std::string>{"x", "1000", "p.jsonl:4", "p.jsonl:5", "p.jsonl:6"}));
}

TEST_F(PromptsTest, NoRowIsCalledAfterAnothersPlace) {
  const PromptSet set = read("p.jsonl",
                             "{\"id\": \"p.jsonl:2\", \"prompt\": \"a\"}\n"
                             "{\"prompt\": \"b\"}\n"
                             "{\"id\": \"p.jsonl:9\", \"prompt\": \"c\"}\n"
                             "{\"id\": \"q.jsonl:1\", \"prompt\": \"d\"}\n");
  EXPECT_EQ(ids(set.prompts),
            (std::vector<std::string>{"p.jsonl:1", "p.jsonl:2", "p.jsonl:9", "q.jsonl:1"}));
}

TEST_F(PromptsTest, FilesOfOneNameKeepTheirIdsApart) {
  const auto first = dir_.write("a/p.jsonl", "{\"prompt\": \"a\"}\n");
  const auto second = dir_.write("b/p.jsonl", "{\"prompt\": \"b\"}\n");
  const PromptSet set = read_files({first, second});
  EXPECT_EQ(ids(set.prompts),
            (std::vector<std::string>{first.string() + ":1", second.string() + ":1"}));
  expect_user_error([&] { read_files({first, dir_ / "a"}); }, {"twice"});
}

TEST_F(PromptsTest, HowAPathIsSpelledChangesNothing) {
  const auto first = dir_.write("a/p.jsonl", "{\"prompt\": \"a\"}\n");
  const auto second = dir_.write("b/p.jsonl", "{\"prompt\": \"b\"}\n");
  const std::vector<fs::path> straight = {first, second};
  const std::vector<fs::path> crooked = {dir_ / "b/../a", fs::relative(second)};
  EXPECT_EQ(ids(read_files(straight).prompts), ids(read_files(crooked).prompts));
  const std::string hash = hash_prompt_files({.files = straight});
  EXPECT_EQ(hash_prompt_files({.files = crooked}), hash);
  EXPECT_NE(hash_prompt_files({.files = {second, first}}), hash) << "in another order";
  dir_.write("b/p.jsonl", "{\"prompt\": \"c\"}\n");
  EXPECT_NE(hash_prompt_files({.files = straight}), hash);
}

TEST_F(PromptsTest, JsonIsAnArrayOrLines) {
  const PromptSet array =
      read("p.json", " [{\"prompt\": \"a\"},\n {\"prompt\": \"b\", \"x\": [1]}]");
  EXPECT_EQ(ids(array.prompts), (std::vector<std::string>{"p.json:1", "p.json:2"}));
  EXPECT_EQ(array.prompts[1].messages, user("b"));
  const PromptSet lines = read("p.json", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n");
  EXPECT_EQ(ids(lines.prompts), (std::vector<std::string>{"p.json:1", "p.json:2"}));
  expect_error("p.json", "[{\"prompt\": \"a\"}, {\"prompt\": ]", {"p.json:2", "row 2"});
  expect_error("p.json", "[{\"prompt\": \"a\"}, 7]", {"p.json:2", "number"});
}

TEST_F(PromptsTest, GzipIsRead) {
  write_json_lines(dir_ / "p.jsonl.gz", {Json::parse(R"({"prompt": "a"})")});
  const PromptSet set = read_files({dir_ / "p.jsonl.gz"});
  EXPECT_EQ(ids(set.prompts), std::vector<std::string>{"p.jsonl.gz:1"});
}

TEST_F(PromptsTest, FolderStandsForItsFiles) {
  dir_.write("data/b.jsonl", "{\"prompt\": \"b\"}\n");
  dir_.write("data/a/z.json", "[{\"prompt\": \"a\"}]");
  dir_.write("data/README.md", "no prompts");
  dir_.write("data/.hidden.jsonl", "broken");
  dir_.write("data/.cache/huggingface/b.jsonl", "broken");
  dir_.write("data/a/dataset_infos.json", "{\"default\": {}}");
  const PromptSet set = read_files({dir_ / "data"});
  EXPECT_EQ(ids(set.prompts), (std::vector<std::string>{"z.json:1", "b.jsonl:1"}));
  fs::create_directory(dir_ / "empty");
  expect_user_error([&] { read_files({dir_ / "empty"}); }, {"empty", ".parquet"});
}

TEST_F(PromptsTest, MistakesNameFileAndLine) {
  expect_error("p.jsonl", "", {"p.jsonl", "empty"});
  expect_error("p.json", "[]", {"p.json", "empty"});
  expect_error("p.jsonl", "{\"prompt\": \"a\"}\n{\"text\": \"a\"}\n", {"p.jsonl:2", "instruction"});
  expect_error("p.jsonl", "{\"prompt\": 5}\n", {"p.jsonl:1", "prompt", "number"});
  expect_error("p.jsonl", "{\"turns\": [5]}\n", {"p.jsonl:1", "turns"});
  expect_error("p.jsonl", "{\"messages\": [{\"content\": \"a\"}]}\n", {"p.jsonl:1", "role"});
  expect_error("p.jsonl", "\"a\"\n", {"p.jsonl:1", "string"});
  expect_error("p.jsonl", "{\"prompt\": \"a\"\n", {"p.jsonl:1"});
  expect_error("p.csv", "prompt\na\n", {"p.csv", ".jsonl"});
  expect_user_error([&] { read_files({dir_ / "none.jsonl"}); }, {"none.jsonl", "does not exist"});
}

TEST_F(PromptsTest, LmsysParquet) {
  const PromptSet set = read_files({golden("prompts/lmsys.parquet")});
  EXPECT_EQ(ids(set.prompts), (std::vector<std::string>{"33f0", "1e23", "9b0c"}));
  EXPECT_EQ(set.left_out.at(SkipReason::blank), 1);
  EXPECT_EQ(set.prompts[0].messages, user("Is the sky blue?"));
  EXPECT_EQ(set.prompts[1].messages, user("Grüße an NAME_1 🙂"));
  EXPECT_EQ(set.prompts[2].messages, user("Name three\nprimes."));
  EXPECT_FALSE(set.prompts[0].redacted);
  EXPECT_TRUE(set.prompts[1].redacted);
}

TEST_F(PromptsTest, WildChatParquet) {
  const PromptSet set = read_files({golden("prompts/wildchat.parquet")});
  EXPECT_EQ(
      ids(set.prompts),
      (std::vector<std::string>{"wildchat.parquet:1", "wildchat.parquet:2", "wildchat.parquet:3"}));
  EXPECT_EQ(set.prompts[0].messages, user("Write a haiku about rain."));
  EXPECT_EQ(set.prompts[2].messages, user("Écris un haïku."));
  EXPECT_TRUE(set.prompts[2].redacted);
}

TEST_F(PromptsTest, GuruParquet) {
  const PromptSet set = read_files({golden("prompts/guru.parquet")});
  ASSERT_EQ(set.prompts.size(), 2u);
  EXPECT_EQ(set.prompts[0].messages, user("What is 2 + 2?"));
  EXPECT_EQ(
      set.prompts[1].messages,
      Json::parse(
          R"([{"role": "system", "content": "Answer in C."}, {"role": "user", "content": "Sort a list."}])"));
  const PromptSet named = read_files({golden("prompts/guru.parquet")}, "data_source");
  EXPECT_EQ(named.prompts[0].messages, user("math__combined"));
}

TEST_F(PromptsTest, InvalidUtf8OfParquetNamesTheRow) {
  PromptOptions options{.files = {golden("rows/invalid_utf8.parquet")}};
  options.filters.deduplicate = true;
  expect_user_error([&] { read_prompts(options); }, {"invalid_utf8.parquet:2", "prompt", "UTF-8"});
}

TEST_F(PromptsTest, BadParquetIsAUserError) {
  expect_error("p.parquet", "PAR1 and nothing more", {"p.parquet", "Parquet"});
  const std::string whole = read_text_file(golden("prompts/lmsys.parquet"), "file");
  expect_error("p.parquet", whole.substr(0, whole.size() / 2), {"p.parquet", "Parquet"});
  expect_user_error([&] { read_files({golden("prompts/no_prompt.parquet")}); },
                    {"no_prompt.parquet", "answer", "--prompt-field"});
}

// The real instructions that the method is tried on.
TEST_F(PromptsTest, PublishedInstructionFiles) {
  const fs::path data = fs::path(RETMASK_SHARED_DIR) / "data/prompts";
  if (!fs::is_directory(data)) GTEST_SKIP() << data << " is not here";
  const PromptSet set = read_files({data});
  EXPECT_EQ(set.prompts.size(), 1048u);
  EXPECT_EQ(set.prompts[0].id, "1000");
  EXPECT_EQ(set.prompts.back().messages[0]["role"], "user");
}

}  // namespace
}  // namespace retmask::synthesize
