#include <signal.h>

#include "python_format.h"
#include "retmask/base/error.h"
#include "retmask/eval/judge.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/files.h"
#include "unit/support/temp_dir.h"

namespace retmask::eval {
namespace {

std::vector<JudgeRequest> two_requests() {
  const auto request = [](const char* id, const char* text) {
    return JudgeRequest{.id = id,
                        .chat = {.messages = Json::array({{{"role", "user"}, {"content", text}}}),
                                 .temperature = 0.1,
                                 .top_p = 0.9,
                                 .max_tokens = 64}};
  };
  return {request("a", "Is it good?"), request("b", "Is it?")};
}

class JudgeFilesTest : public ::testing::Test {
 protected:
  JudgeReplies read(const std::string& rows) {
    return ask_judge({.replies = write("replies.jsonl", rows)}, two_requests(), journal());
  }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    testing::write_text(dir_ / name, text);
    return dir_ / name;
  }
  std::filesystem::path journal() const { return dir_.path() / "verdicts.jsonl"; }

  testing::TempDir dir_;
};

TEST_F(JudgeFilesTest, WritesTheRequests) {
  const auto path = dir_.path() / "requests.jsonl";
  const JudgeReplies replies = ask_judge({.requests = path}, two_requests(), journal());
  EXPECT_TRUE(replies.texts.empty());
  EXPECT_FALSE(std::filesystem::exists(journal()));
  const std::vector<Json> rows = read_json_lines(path, "requests");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(
      rows[0].dump(),
      R"({"id":"a","messages":[{"role":"user","content":"Is it good?"}],"temperature":0.1,"top_p":0.9,"max_tokens":64})");
}

TEST_F(JudgeFilesTest, ReadsRepliesInAnyOrderAndLeavesTheOthersOut) {
  const JudgeReplies replies = read("{\"id\": \"b\", \"text\": \"No.\", \"cost\": 3}\n");
  ASSERT_NE(replies.find("b"), nullptr);
  EXPECT_EQ(*replies.find("b"), "No.");
  EXPECT_EQ(replies.find("a"), nullptr);
  EXPECT_EQ(replies.use.requests, 0);
}

TEST_F(JudgeFilesTest, ACommandDecidesPairs) {
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<JudgeRequest> requests = two_requests();
  requests[0].pair = {{"premise", "It is blue."}, {"hypothesis", "It has a colour."}};
  requests[1].pair = {{"premise", "It is old."}, {"hypothesis", "It has a colour."}};
  const auto ask = [&](const std::string& command) {
    return ask_judge({.name = "nli", .command = command}, requests, journal());
  };
  expect_user_error([&] { ask("sed 's/.*/maybe/'"); }, {"--nli-command", "line 1", "maybe"});
  expect_user_error([&] { ask("head -n 1 > /dev/null; echo 1"); },
                    {"--nli-command", "1 of 2 lines"});
  const std::string is_blue = "sed -e 's/.*\"premise\":\"It is blue.*/1/' -e 't' -e 's/.*/0/'";
  EXPECT_EQ(ask(is_blue).texts.at("b"), "0");
  // The answer before the early end is kept, and nothing is asked again.
  EXPECT_EQ(ask("exit 1").texts.at("a"), "1");
  expect_user_error([] { JudgeOptions{.command = "cat", .requests = "r"}.validate(); },
                    {"only one of", "--judge-command"});
}

TEST_F(JudgeFilesTest, RefusesRowsOfOthers) {
  const std::string good = "{\"id\": \"a\", \"text\": \"Yes.\"}\n";
  expect_user_error([&] { read(good + "{\"id\": \"c\", \"text\": \"\"}\n"); },
                    {"replies.jsonl:2", "no request has the id \"c\""});
  expect_user_error([&] { read(good + good); }, {"replies.jsonl:2", "second reply", "\"a\""});
  expect_user_error([&] { read("{\"id\": \"a\"}\n"); }, {"replies.jsonl:1", "\"text\" is missing"});
  expect_user_error([&] { read("[1]\n"); }, {"replies.jsonl:1", "expected an object"});
}

TEST(JudgeOptions, AllowsOneWayToJudge) {
  JudgeOptions options{.requests = "a.jsonl", .replies = "b.jsonl"};
  expect_user_error([&] { options.validate(); },
                    {"only one of --judge-endpoint, --judge-requests and --judge-replies"});
  options.name = "nli";
  expect_user_error([&] { options.validate(); }, {"--nli-endpoint"});
  EXPECT_NO_THROW(JudgeOptions{}.validate());
  EXPECT_FALSE(JudgeOptions{}.given());
}

// The expected texts are those of Python's str.format.
TEST(PythonFormat, FillsFieldsAndHalvesBraces) {
  const Json values = {{"a", "{b}"}, {"b", "2"}};
  EXPECT_EQ(python_format("{a} {{a}} {b}{{{b}}}", values, "p"), "{b} {a} 2{2}");
  EXPECT_EQ(python_format("", values, "p"), "");
  expect_user_error([&] { python_format("{c}", values, "file: p"); },
                    {"file: p: unknown placeholder {c}, expected one of: a, b"});
  expect_user_error([&] { python_format("json {", values, "p"); }, {"p: a single brace"});
  expect_user_error([&] { python_format("json }", values, "p"); }, {"p: a single brace"});
}

}  // namespace
}  // namespace retmask::eval
