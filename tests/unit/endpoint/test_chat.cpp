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

TEST(ChatReply, ThinkingThatTheServerHasTakenOut) {
  Json json = completion("Four.");
  Json& message = json["choices"][0]["message"];
  EXPECT_EQ(parse_chat_reply(json.dump(), false).reasoning, "");
  message["reasoning"] = "Two and two.";
  EXPECT_EQ(parse_chat_reply(json.dump(), false).reasoning, "Two and two.");
  message["reasoning_content"] = nullptr;
  EXPECT_EQ(parse_chat_reply(json.dump(), false).reasoning, "Two and two.");
  message["reasoning_content"] = "One and one.";
  EXPECT_EQ(parse_chat_reply(json.dump(), false).reasoning, "One and one.");
  EXPECT_EQ(parse_chat_reply(json.dump(), false).text, "Four.");
  message["content"] = nullptr;
  EXPECT_EQ(parse_chat_reply(json.dump(), false).text, "");
  message.erase("content");
  EXPECT_EQ(parse_chat_reply(json.dump(), false).text, "");
  message["reasoning_content"] = 7;
  EXPECT_NE(garbled(json.dump()).find("reasoning_content"), std::string::npos);
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
  EXPECT_NE(garbled(whole.substr(0, whole.size() - 1)).find("not a JSON"), std::string::npos);
  EXPECT_NE(garbled("").find("not a JSON"), std::string::npos);
  EXPECT_NE(garbled("<html>").find("not a JSON"), std::string::npos);
  EXPECT_NE(garbled("{\"choices\": \"\xff\"}").find("not a JSON"), std::string::npos);
  EXPECT_NE(garbled("[1]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(garbled(std::string(300000, '[')).find("not a JSON"), std::string::npos);
  EXPECT_NE(garbled("{\"choices\": " + std::string(300000, '[') + std::string(300000, ']') + "}")
                .find("not a JSON"),
            std::string::npos);
  EXPECT_NE(garbled(R"({"error": {"message": "busy"}})").find("error"), std::string::npos);
  EXPECT_NE(garbled(R"({"choices": []})").find("choices[0]"), std::string::npos);
  EXPECT_NE(garbled(completion(7).dump()).find("content"), std::string::npos);
  EXPECT_NE(garbled(completion("x", nullptr).dump()).find("finish_reason"), std::string::npos);
  EXPECT_NE(garbled(completion("x", "abort").dump()).find("aborted"), std::string::npos);
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
  // A two-byte character across the cut.
  EXPECT_EQ(error_message(std::string(299, 'x') + "\u00e9 and more"),
            std::string(299, 'x') + "...");
}

// Messages reported by users of these servers.
constexpr const char* kTooLong[] = {
    // OpenAI
    R"({"error": {"message": "no matter", "type": "invalid_request_error", "param": "messages",
        "code": "context_length_exceeded"}})",
    R"({"error": {"message": "This model's maximum context length is 4097 tokens. However, your messages
        resulted in 35569 tokens. Please reduce the length of the messages.", "code": null}})",
    R"({"error": {"message": "Input tokens exceed the configured limit of 272000 tokens. Your messages
        resulted in 289650 tokens."}})",
    R"({"error": {"message": "Your input exceeds the context window of this model."}})",
    // vLLM, of several years
    R"({"object": "error", "message": "This model's maximum context length is 16384 tokens. However, you
        requested 122946 tokens (112946 in the messages, 10000 in the completion).", "code": 400})",
    R"({"object": "error", "message": "The decoder prompt (length 10127) is longer than the maximum model
        length of 8192. Make sure that `max_model_len` is no smaller.", "type": "BadRequestError"})",
    R"({"error": {"message": "The prompt (total length 25938) is too long to fit into the model (context
        length 4096)."}})",
    R"({"error": {"message": "'max_tokens' or 'max_completion_tokens' is too large: 512. This model's
        maximum context length is 4096 tokens and your request has 4000 input tokens"}})",
    R"({"error": {"message": "You passed 5000 input tokens and requested 100 output tokens. However, the
        model's context length is only 4096 tokens, resulting in a maximum input length of 3996"}})",
    R"({"detail": "[address=0.0.0.0:1] The decoder prompt (length 6) is longer than the maximum model length of 5"})",
    // SGLang
    R"({"object": "error", "message": "The input (61709 tokens) is longer than the model's context length
        (40960 tokens).", "type": "BadRequestError", "param": null, "code": 400})",
    R"({"message": "Requested token count exceeds the model's maximum context length of 32768 tokens. You
        requested a total of 40000 tokens: 30000 tokens from the input messages"})",
    R"({"message": "Input length (9000 tokens) exceeds the maximum allowed length (8192 tokens). Use a
        shorter input or enable --allow-auto-truncate."})",
    // Text Generation Inference
    R"({"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 1168",
        "error_type": "validation"})",
    R"({"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1244
        `inputs` tokens and 1000 `max_new_tokens`", "error_type": "validation"})",
    // llama.cpp and llama-cpp-python
    R"({"error": {"code": 400, "message": "no matter", "type": "exceed_context_size_error",
        "n_prompt_tokens": 1407, "n_ctx": 256}})",
    R"({"error": {"code": 500, "message": "the request exceeds the available context size. try increasing
        the context size or enable context shift", "type": "server_error"}})",
    R"({"error": {"message": "Requested tokens (2285) exceed context window of 2048"}})",
    // not JSON, another apostrophe, a long number
    "Error: This model\u2019s MAXIMUM context length is 131,072 tokens",
};

TEST(PromptTooLong, InTheWordsOfEachServer) {
  for (const char* body : kTooLong) {
    std::string line = body;
    std::erase(line, '\n');
    while (line.find("  ") != std::string::npos) line.erase(line.find("  "), 1);
    EXPECT_TRUE(says_prompt_too_long(400, line, /*max_tokens=*/64)) << line;
    EXPECT_FALSE(says_prompt_too_long(401, line, /*max_tokens=*/64)) << line;
  }
}

TEST(PromptTooLong, OtherRefusalsAreNot) {
  for (
      const char* body : {
          R"({"error": {"message": "unknown field seed"}})",
          R"({"error": {"message": "max_tokens is too large: 9000. This model supports at most 4096
               completion tokens"}})",
          R"({"error": {"message": "top_logprobs must be at most 20, the length is wrong"}})",
          R"({"error": {"message": "The model's maximum context length is not known"}})",
          "maximum context length",
          // Text quoted from the request is the prompt.
          R"({"detail": [{"msg": "Field required", "input": "maximum context length is 5 tokens"}]})",
          R"({"error": {"message": "bad seed", "body": "context_length_exceeded"}})",
          "",
      }) {
    EXPECT_FALSE(says_prompt_too_long(400, body, 64)) << body;
  }
  EXPECT_FALSE(says_prompt_too_long(
      200, R"({"choices": [], "message": "the request exceeds the available context size"})"));
}

TEST(PromptTooLong, AnAnswerThatFillsTheRoomAloneIsNotThePrompts) {
  const std::string said =
      R"({"message": "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 tokens and your request has 12 input tokens"})";
  EXPECT_FALSE(says_prompt_too_long(400, said, /*max_tokens=*/5000));
  EXPECT_FALSE(says_prompt_too_long(400, said, /*max_tokens=*/4096));
  EXPECT_TRUE(says_prompt_too_long(400, said, /*max_tokens=*/4090));
}

}  // namespace
}  // namespace retmask::endpoint
