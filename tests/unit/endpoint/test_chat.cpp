#include <gtest/gtest.h>

#include <cmath>

#include "retmask/endpoint/chat.h"

namespace retmask::endpoint {
namespace {

Json completion(const Json& content = "Hello.", const Json& finish_reason = "stop") {
  return {{"choices",
           {{{"index", 0},
             {"message", {{"role", "assistant"}, {"content", content}}},
             {"finish_reason", finish_reason}}}},
          {"usage", {{"completion_tokens", 3}}}};
}

std::string garbled(const std::string& body, bool logprobs = false) {
  try {
    parse_chat_reply(body, logprobs);
  } catch (const GarbledReply& error) {
    return error.what();
  }
  return "it is not garbled";
}

TEST(ChatBody, SaysWhatIsAsked) {
  ChatRequest request;
  request.messages = Json::array({{{"role", "user"}, {"content", "Hi \"you\""}}});
  request.temperature = 0.6;
  request.top_p = 0.9;
  request.max_tokens = 17;
  request.seed = ~uint64_t{0};
  EXPECT_EQ(Json::parse(chat_body(request, "m")),
            Json({{"model", "m"},
                  {"messages", request.messages},
                  {"temperature", 0.6},
                  {"top_p", 0.9},
                  {"max_tokens", 17},
                  {"seed", 2147483647},
                  {"n", 1}}));
  request.top_k = 5;
  request.min_p = 0.25;
  request.repetition_penalty = 1.5;
  request.stop = {"\n\n", "[END]"};
  request.logprobs = true;
  request.template_variables["enable_thinking"] = false;
  const Json full = Json::parse(chat_body(request, "m"));
  EXPECT_EQ(full.at("top_k"), 5);
  EXPECT_EQ(full.at("min_p"), 0.25);
  EXPECT_EQ(full.at("repetition_penalty"), 1.5);
  EXPECT_EQ(full.at("stop"), Json({"\n\n", "[END]"}));
  EXPECT_EQ(full.at("logprobs"), true);
  EXPECT_EQ(full.at("chat_template_kwargs"), Json({{"enable_thinking", false}}));
}

TEST(ChatReply, TextTokensAndEnding) {
  const ChatReply reply = parse_chat_reply(completion().dump(), false);
  EXPECT_EQ(reply.text, "Hello.");
  EXPECT_EQ(reply.tokens, 3);
  EXPECT_EQ(reply.ending, ChatEnding::stop);
  EXPECT_TRUE(std::isnan(reply.mean_logprob));
  EXPECT_EQ(parse_chat_reply(completion("x", "length").dump(), false).ending, ChatEnding::cut);
  EXPECT_EQ(parse_chat_reply(completion("x", "content_filter").dump(), false).ending,
            ChatEnding::cut);
  EXPECT_EQ(parse_chat_reply(completion(nullptr, "length").dump(), false).text, "");
}

TEST(ChatReply, LogprobsAndTheirMean) {
  Json json = completion();
  json["choices"][0]["logprobs"]["content"] = {{{"token", "a"}, {"logprob", -0.5}},
                                               {{"token", "b"}, {"logprob", -1.5}}};
  EXPECT_EQ(parse_chat_reply(json.dump(), true).mean_logprob, -1.0);
  EXPECT_EQ(parse_chat_reply(json.dump(), true).logprobs, (std::vector<double>{-0.5, -1.5}));
  EXPECT_NE(garbled(completion().dump(), true).find("logprobs"), std::string::npos);
}

TEST(ChatReply, WhatIsNoCompletionIsGarbled) {
  const std::string whole = completion().dump();
  EXPECT_NE(garbled(whole.substr(0, whole.size() - 1)).find("no JSON"), std::string::npos);
  EXPECT_NE(garbled("").find("no JSON"), std::string::npos);
  EXPECT_NE(garbled("<html>").find("no JSON"), std::string::npos);
  EXPECT_NE(garbled("{\"choices\": \"\xff\"}").find("no JSON"), std::string::npos);
  EXPECT_NE(garbled("[1]").find("no JSON object"), std::string::npos);
  EXPECT_NE(garbled(std::string(300000, '[')).find("no JSON"), std::string::npos);
  EXPECT_NE(garbled("{\"choices\": " + std::string(300000, '[') + std::string(300000, ']') + "}")
                .find("no JSON"),
            std::string::npos);
  EXPECT_NE(garbled(R"({"error": {"message": "busy"}})").find("error"), std::string::npos);
  EXPECT_NE(garbled(R"({"choices": []})").find("choices[0]"), std::string::npos);
  EXPECT_NE(garbled(completion(7).dump()).find("content"), std::string::npos);
  EXPECT_NE(garbled(completion("x", nullptr).dump()).find("finish_reason"), std::string::npos);
  for (const char* part : {"choices", "usage"}) {
    Json json = completion();
    json.erase(part);
    EXPECT_NE(garbled(json.dump()).find(part), std::string::npos);
  }
}

TEST(ErrorMessage, FindsTheReasonOfEachKindOfServer) {
  EXPECT_EQ(error_message(R"({"error": {"message": "no such model", "code": 404}})"),
            "no such model");
  EXPECT_EQ(error_message(R"({"error": "no such model"})"), "no such model");
  EXPECT_EQ(error_message(R"({"object": "error", "message": "two\nlines"})"), "two lines");
  EXPECT_EQ(error_message(R"({"detail": [{"loc": 1}]})"), R"([{"loc":1}])");
  EXPECT_EQ(error_message("<html>Bad\r\nGateway"), "<html>Bad  Gateway");
  const std::string longest = error_message(std::string(1000, 'x'));
  EXPECT_EQ(longest, std::string(300, 'x') + "...");
  // A character of two bytes across the cut.
  EXPECT_EQ(error_message(std::string(299, 'x') + "\u00e9 and more"),
            std::string(299, 'x') + "...");
}

TEST(PromptTooLong, InTheWordsOfEachServer) {
  EXPECT_TRUE(says_prompt_too_long(400, R"({"error": {"code": "context_length_exceeded"}})"));
  EXPECT_TRUE(says_prompt_too_long(
      400, R"({"message": "This model's maximum context length is 4096 tokens."})"));
  EXPECT_TRUE(says_prompt_too_long(400, R"({"error": {"type": "exceed_context_size_error"}})"));
  EXPECT_FALSE(says_prompt_too_long(400, R"({"error": {"message": "unknown field seed"}})"));
  EXPECT_FALSE(says_prompt_too_long(500, "maximum context length"));
}

}  // namespace
}  // namespace retmask::endpoint
