#include <gtest/gtest.h>

#include "retmask/tokenizer/chat_template.h"
#include "support.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

using testing::golden_json;
using testing::TempDir;

const Json kHello = Json::parse(R"([{"role": "user", "content": "Hello"}])");

// `rendered` holds every conversation, for each of the golden variables, with and without a
// generation prompt.
void expect_renderings(const ChatTemplate& chat, const Json& rendered) {
  const Json golden = golden_json("tokenizer/templates.json");
  size_t row = 0;
  for (const Json& variables : golden["variables"]) {
    for (const bool generation : {true, false}) {
      for (size_t i = 0; i < golden["conversations"].size(); ++i) {
        const Json& messages = golden["conversations"][i];
        EXPECT_EQ(chat.render(messages, {generation, variables}),
                  rendered[row][i].get<std::string>())
            << messages << variables << generation;
      }
      ++row;
    }
  }
  EXPECT_EQ(row, rendered.size());
}

TEST(ChatTemplate, RendersLikeTransformers) {
  const Json golden = golden_json("tokenizer/templates.json");
  for (const Json& row : golden["templates"]) {
    SCOPED_TRACE(row["name"].get<std::string>());
    expect_renderings(ChatTemplate(row["template"].get<std::string>(), "<s>", "</s>"),
                      row["rendered"]);
  }
}

class RealTemplate : public ::testing::TestWithParam<const char*> {};

TEST_P(RealTemplate, RendersLikeTransformers) {
  const std::filesystem::path folder =
      std::filesystem::path(RETMASK_SHARED_DIR) / "tokenizers" / GetParam();
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const auto chat = ChatTemplate::load(folder);
  const Json golden = golden_json("tokenizer/shared.json");
  for (const Json& row : golden["tokenizers"]) {
    if (row["name"] == GetParam()) expect_renderings(*chat, row["rendered"]);
  }
}

INSTANTIATE_TEST_SUITE_P(Shared, RealTemplate, ::testing::Values("llama-3.1", "qwen3"));

TEST(ChatTemplate, VariablesWinOverSpecialTokens) {
  const ChatTemplate chat("{{ bos_token }}{{ name }}", "<s>", "</s>");
  EXPECT_EQ(chat.render(kHello, {true, {{"name", "x"}}}), "<s>x");
  EXPECT_EQ(chat.render(kHello, {true, {{"bos_token", "!"}}}), "!");
}

TEST(ChatTemplate, SaysWhatTheTemplateSays) {
  const ChatTemplate chat(
      "{% for m in messages %}{{ raise_exception('Only one message, please') }}{% endfor %}",
      "",
      "");
  expect_user_error([&] { chat.render(kHello, {}); }, {"refuses", "Only one message, please"});
}

TEST(ChatTemplate, OtherFailuresAreOneLine) {
  const ChatTemplate chat("line one\n{{ messages[0].content.frobnicate() }}\nline three", "", "");
  expect_user_error([&] { chat.render(kHello, {}); },
                    {"chat template failed", "frobnicate", "line 2"});
  expect_user_error([] { ChatTemplate("{% for m in messages %}", "", ""); }, {"not valid", "for"});
  expect_user_error([] { ChatTemplate("{{ 'open", "", ""); }, {"not valid"});
}

TEST(ChatTemplate, RefusesWhatAreNoMessages) {
  const ChatTemplate chat("x", "", "");
  expect_user_error([&] { chat.render(Json::array(), {}); }, {"at least one message"});
  expect_user_error([&] { chat.render(Json("hi"), {}); }, {"at least one message", "hi"});
  expect_user_error([&] { chat.render(Json::array({"hi"}), {}); }, {"role and content", "hi"});
}

TEST(ChatTemplate, NullFieldsCountAsMissing) {
  const ChatTemplate chat("{{ messages[0].name is defined }} {{ messages[0] | tojson }}", "", "");
  EXPECT_EQ(chat.render(Json::parse(R"([{"role": "user", "name": null}])"), {}),
            "False {\"role\": \"user\"}");
}

TEST(ChatTemplate, LoadsFromAFolder) {
  const TempDir dir;
  expect_user_error([&] { ChatTemplate::load(dir.path()); },
                    {"chat_template.jinja", dir.path().string()});

  // As in transformers, the map is used if the config is older than added_tokens_decoder.
  write_json_file(dir / "special_tokens_map.json",
                  {{"bos_token", "<map>"}, {"eos_token", "<end>"}});
  Json config = {{"bos_token", {{"content", "<bos>"}}},
                 {"chat_template", "config {{ bos_token }} {{ eos_token }}"}};
  write_json_file(dir / "tokenizer_config.json", config);
  EXPECT_EQ(ChatTemplate::load(dir.path())->render(kHello, {}), "config <map> <end>");
  config["added_tokens_decoder"] = Json::object();
  write_json_file(dir / "tokenizer_config.json", config);
  EXPECT_EQ(ChatTemplate::load(dir.path())->render(kHello, {}), "config <bos> ");

  const Json named =
      Json::parse(R"([{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}])");
  write_json_file(dir / "tokenizer_config.json", {{"chat_template", named}});
  EXPECT_EQ(ChatTemplate::load(dir.path())->render(kHello, {}), "d");

  write_json_file(dir / "tokenizer_config.json", {{"chat_template", Json::array({named[0]})}});
  expect_user_error([&] { ChatTemplate::load(dir.path()); }, {"tokenizer_config.json", "default"});

  write_file_atomic(dir / "chat_template.jinja", "file");
  EXPECT_EQ(ChatTemplate::load(dir.path())->render(kHello, {}), "file");
}

TEST(ChatTemplate, MessagesWithToolsTakeToolUse) {
  const TempDir dir;
  const Json named = Json::parse(
      R"([{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t{{ tools[0].x }}"}])");
  write_json_file(dir / "tokenizer_config.json", {{"chat_template", named}});
  const Json tools = Json::parse(R"([{"x": 7}])");
  const auto chat = ChatTemplate::load(dir.path());
  EXPECT_EQ(chat->render(kHello, {}), "d");
  EXPECT_EQ(chat->render(kHello, {true, {{"tools", tools}}}), "t7");
  EXPECT_EQ(chat->render(kHello, {true, {{"tools", tools.dump()}}}), "t7");
  EXPECT_EQ(chat->render(kHello, {true, {{"tools", "null"}}}), "d");

  std::filesystem::create_directory(dir / "additional_chat_templates");
  write_file_atomic(dir / "additional_chat_templates" / "tool_use.jinja", "file");
  write_file_atomic(dir / "chat_template.jinja", "file d");
  const auto files = ChatTemplate::load(dir.path());
  EXPECT_EQ(files->render(kHello, {}), "file d");
  EXPECT_EQ(files->render(kHello, {true, {{"tools", tools}}}), "file");
}

TEST(ChatTemplate, ToolsAreAListOfSchemas) {
  const ChatTemplate chat("{{ tools | tojson }}", "", "");
  EXPECT_EQ(chat.render(kHello, {true, {{"tools", "[{\"b\": 1, \"a\": 2}]"}}}),
            "[{\"b\": 1, \"a\": 2}]");
  expect_user_error([&] { chat.render(kHello, {true, {{"tools", "[1"}}}); }, {"tools"});
  expect_user_error(
      [&] {
        chat.render(kHello, {true, {{"tools", {{"a", 1}}}}});
      },
      {"tools", "list"});
  expect_user_error(
      [&] {
        chat.render(kHello, {true, {{"tools", "[\"f\"]"}}});
      },
      {"tools", "list"});
}

TEST(ChatTemplate, TerminalEscapesOfATemplateAreShown) {
  const ChatTemplate chat("{{ raise_exception('no\x1b[2J\nway') }}", "", "");
  expect_user_error([&] { chat.render(kHello, {}); }, {"refuses", "no\\x1b[2J\\nway"});
}

}  // namespace
}  // namespace retmask
