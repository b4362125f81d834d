#include <gtest/gtest.h>

#include "retmask/rows/messages.h"
#include "unit/support/expect_user_error.h"

namespace retmask::rows {
namespace {

Json messages(const std::string& json, MessageFields fields = MessageFields::known) {
  return standard_messages(Json::parse(json), "talk", "f:3", fields);
}

Json roles(const std::string& json) {
  Json names = Json::array();
  for (const Json& message : messages(json)) names.push_back(message["role"]);
  return names;
}

void expect_bad(const std::string& json, std::initializer_list<std::string> parts) {
  expect_user_error([&] { messages(json); }, {"f:3"});
  expect_user_error([&] { messages(json); }, parts);
}

TEST(Messages, RolesOfEveryKindOfShareGpt) {
  EXPECT_EQ(roles(R"([{"from": "Human", "value": "a"}, {"from": "chatgpt", "value": "b"},
                      {"from": "USER", "value": "a"}, {"from": "bing", "value": "b"},
                      {"role": "User", "content": "a"}, {"role": "ASSISTANT", "content": "b"},
                      {"from": "prompter", "value": "a"}, {"from": "bard", "value": "b"},
                      {"from": "observation", "value": "a"}, {"from": "GPT-4", "value": "b"},
                      {"from": "function response", "value": "a"}, {"from": "model", "value": "b"}])"),
            Json::parse(R"(["user", "assistant", "user", "assistant", "user", "assistant",
                            "user", "assistant", "tool", "assistant", "tool", "assistant"])"));
  expect_bad(R"([{"from": "narrator", "value": "a"}])", {"\"narrator\"", "human"});
  expect_bad(R"([{"role": 1, "content": "a"}])", {"role"});
  expect_bad(R"([{"content": "a"}])", {"role"});
}

TEST(Messages, AFunctionCallIsTheAssistants) {
  const Json call = Json::parse(R"([{"role": "assistant", "content": "", "tool_calls": [
      {"type": "function", "function": {"name": "rain", "arguments": {"city": "Bern"}}}]}])");
  EXPECT_EQ(
      messages(
          R"([{"from": "function_call", "value": "{\"name\": \"rain\", \"arguments\": {\"city\": \"Bern\"}}"}])"),
      call);
  EXPECT_EQ(
      messages(
          R"([{"from": "function_call", "value": "[{\"name\": \"rain\", \"arguments\": \"{\\\"city\\\": \\\"Bern\\\"}\"}]"}])"),
      call);
  expect_bad(R"([{"from": "function_call", "value": "rain in Bern"}])",
             {"function_call", "arguments"});
}

TEST(Messages, FieldsThatTemplatesReadStay) {
  const std::string talk =
      R"([{"role": "assistant", "content": null, "tool_calls": [{"id": "1"}], "name": null, "country": "CH"}])";
  EXPECT_EQ(messages(talk),
            Json::parse(R"([{"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}])"));
  EXPECT_EQ(
      messages(talk, MessageFields::all),
      Json::parse(R"([{"role": "assistant", "tool_calls": [{"id": "1"}], "country": "CH"}])"));
  expect_bad(R"([{"role": "assistant", "content": "a", "function_call": {"name": "f"}}])",
             {"function_call", "tool_calls"});
}

TEST(Messages, ContentIsTextOrPartsOfText) {
  EXPECT_EQ(messages(R"([{"role": "user", "content": [{"type": "text", "text": "a"}, "b"]}])"),
            Json::parse(R"([{"role": "user", "content": "ab"}])"));
  expect_bad(R"([{"role": "user", "content": [{"type": "image_url"}]}])", {"image_url"});
  expect_bad(R"([{"role": "user", "content": [7]}])", {"number"});
  expect_bad(R"([{"role": "user", "content": {"text": "a"}}])", {"object"});
  expect_bad(R"([{"role": "user", "text": "a"}])", {"without \"content\""});
  expect_bad(R"([7])", {"talk", "7"});
}

TEST(Messages, AJsonTextOfMessagesIsRead) {
  const Json text = R"( [{"role": "user", "content": "a"}])";
  EXPECT_TRUE(holds_messages(text));
  EXPECT_EQ(standard_messages(text, "talk", "f:3", MessageFields::known),
            Json::parse(R"([{"role": "user", "content": "a"}])"));
  EXPECT_FALSE(holds_messages("[1, 2]"));
  EXPECT_FALSE(holds_messages("[{\"role\": \"user\", \"content\": \"a\"}] What is this?"));
  EXPECT_FALSE(holds_messages("hello"));
  EXPECT_FALSE(holds_messages("[]"));
  expect_user_error([] { standard_messages("hello", "talk", "f:3", MessageFields::known); },
                    {"f:3", "hello", "list of messages"});
}

Json in_context(const std::string& row, const std::string& talk) {
  return with_context(Json::parse(row), messages(talk), "f:3", MessageFields::known);
}

TEST(Messages, SystemPromptAndHistoryStandBeforeTheRowsOwn) {
  const std::string ask = R"([{"role": "user", "content": "q"}])";
  EXPECT_EQ(in_context(R"({"system": "s", "history": [["a", "b"]]})", ask), Json::parse(R"([
      {"role": "system", "content": "s"}, {"role": "user", "content": "a"},
      {"role": "assistant", "content": "b"}, {"role": "user", "content": "q"}])"));
  EXPECT_EQ(
      in_context(R"({"system_prompt": "s", "system": null, "history": []})", ask),
      Json::parse(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}])"));
  EXPECT_EQ(in_context(R"({"system": "", "history": null})", ask), Json::parse(ask));
  EXPECT_EQ(in_context(R"({"history": [{"from": "human", "value": "a"}]})",
                       R"([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}])"),
            Json::parse(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "a"},
                            {"role": "user", "content": "q"}])"));
}

TEST(Messages, ContradictionsOfTheContextAreRefused) {
  const std::string own =
      R"([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}])";
  EXPECT_EQ(in_context(R"({"system": "s"})", own), Json::parse(own));
  expect_user_error([&] { in_context(R"({"system": "other"})", own); }, {"f:3", "other", "differ"});
  expect_user_error([&] { in_context(R"({"system": "a", "system_prompt": "b"})", own); },
                    {"f:3", "system_prompt", "differ"});
  expect_user_error([&] { in_context(R"({"system": true})", own); },
                    {"f:3", "\"system\"", "boolean"});
  expect_user_error([&] { in_context(R"({"history": "once"})", own); }, {"f:3", "history", "once"});
  expect_user_error([&] { in_context(R"({"history": [["a"]]})", own); },
                    {"f:3", "history", "[\"a\"]"});
}

TEST(Messages, ToolsAndTemplateVariablesMayBeJsonTexts) {
  const auto variables = [](const std::string& row) {
    return template_variables(Json::parse(row), "f:3");
  };
  const Json expected = Json::parse(R"({"tools": [{"name": "rain"}], "thinking": false})");
  EXPECT_EQ(
      variables(R"({"tools": [{"name": "rain"}], "chat_template_kwargs": {"thinking": false}})"),
      expected);
  EXPECT_EQ(
      variables(
          R"({"tools": "[{\"name\": \"rain\"}]", "chat_template_kwargs": "{\"thinking\": false}"})"),
      expected);
  EXPECT_EQ(variables(R"({"tools": "", "chat_template_kwargs": null})"), Json::object());
  expect_user_error([&] { variables(R"({"tools": "rain"})"); }, {"f:3", "tools", "JSON"});
  expect_user_error([&] { variables(R"({"tools": {"name": "rain"}})"); }, {"f:3", "tools", "list"});
  expect_user_error([&] { variables(R"({"chat_template_kwargs": [1]})"); },
                    {"f:3", "chat_template_kwargs"});
}

TEST(Messages, MediaAreRefused) {
  refuse_media(Json::parse(R"({"images": [], "image": null, "videos": ""})"), "f:3");
  expect_user_error([] { refuse_media(Json::parse(R"({"images": ["a.png"]})"), "f:3"); },
                    {"f:3", "images"});
}

}  // namespace
}  // namespace retmask::rows
