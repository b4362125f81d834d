#include "retmask/endpoint/chat.h"

#include <numeric>

#include "retmask/base/error.h"

namespace retmask::endpoint {
namespace {

constexpr size_t kLongestMessage = 300;

// Null if it is not JSON.
Json parse_leniently(const std::string& body) { return try_parse_json(body).value_or(Json()); }

// Replaces control characters with spaces and cuts at a character boundary.
std::string one_line(const std::string& text) {
  std::string line = text.substr(0, kLongestMessage);
  if (line.size() < text.size()) {
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0) == 0x80) {
      line.pop_back();
    }
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0x80) line.pop_back();
    line += "...";
  }
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  }
  return line;
}

const Json& member(const Json& object, const char* key, const std::string& where) {
  if (object.is_object()) {
    const auto found = object.find(key);
    if (found != object.end()) return *found;
  }
  throw GarbledReply("the reply has no " + where);
}

std::vector<double> token_logprobs(const Json& choice) {
  const std::string where = "choices[0].logprobs.content, though log-probs were asked for";
  const Json& tokens = member(member(choice, "logprobs", where), "content", where);
  if (!tokens.is_array() || tokens.empty()) throw GarbledReply("the reply has no " + where);
  std::vector<double> logprobs;
  for (const Json& token : tokens) {
    const Json& logprob = member(token, "logprob", where);
    if (!logprob.is_number()) throw GarbledReply("the reply has a log-prob that is not a number");
    logprobs.push_back(logprob.get<double>());
  }
  return logprobs;
}

// Null content: a reasoning model that was cut while thinking.
std::string parse_content(const Json& message, bool may_lack) {
  if (may_lack && message.is_object() && !message.contains("content")) return "";
  const Json& content = member(message, "content", "choices[0].message.content");
  if (content.is_null()) return "";
  if (!content.is_string()) throw GarbledReply("choices[0].message.content is not text");
  return content.get<std::string>();
}

// Set by servers with a reasoning parser: "reasoning_content" in DeepSeek, SGLang, llama.cpp and
// older vLLM, "reasoning" in newer vLLM and OpenRouter. Some send both.
std::string parse_reasoning(const Json& message) {
  if (!message.is_object()) return "";
  for (const char* key : {"reasoning_content", "reasoning"}) {
    const auto found = message.find(key);
    if (found == message.end() || found->is_null()) continue;
    if (!found->is_string()) {
      throw GarbledReply(std::string("choices[0].message.") + key + " is not text");
    }
    if (*found != "") return found->get<std::string>();
  }
  return "";
}

ChatEnding parse_ending(const Json& choice) {
  const Json& reason = member(choice, "finish_reason", "choices[0].finish_reason");
  if (!reason.is_string()) throw GarbledReply("choices[0].finish_reason is not text");
  if (reason == "abort") throw GarbledReply("the server aborted the answer (finish_reason abort)");
  return reason == "length" || reason == "content_filter" ? ChatEnding::cut : ChatEnding::stop;
}

// Only reported: a server need not count them.
int64_t parse_prompt_tokens(const Json& usage) {
  const auto found = usage.find("prompt_tokens");
  if (found == usage.end() || found->is_null()) return 0;
  if (!found->is_number_integer() || found->get<int64_t>() < 0) {
    throw GarbledReply("usage.prompt_tokens is not a count");
  }
  return found->get<int64_t>();
}

}  // namespace

std::string chat_body(const ChatRequest& request, const std::string& model) {
  Json body = {{"model", model},
               {"messages", request.messages},
               {"temperature", request.temperature},
               {"top_p", request.top_p},
               {"max_tokens", request.max_tokens},
               {"seed", request.seed >> 33},
               {"n", 1}};
  if (request.top_k > 0) body["top_k"] = request.top_k;
  if (request.min_p > 0) body["min_p"] = request.min_p;
  if (request.repetition_penalty != 1) body["repetition_penalty"] = request.repetition_penalty;
  if (!request.stop.empty()) body["stop"] = request.stop;
  if (request.logprobs) body["logprobs"] = true;
  if (!request.template_variables.empty()) {
    body["chat_template_kwargs"] = request.template_variables;
  }
  return dump_json_line(body);
}

ChatReply parse_chat_reply(const std::string& body, bool logprobs) {
  const Json json = parse_leniently(body);
  if (!json.is_object()) throw GarbledReply("the reply is not a JSON object");
  if (json.contains("error") && !json.at("error").is_null()) {
    throw GarbledReply("the reply is an error");
  }
  const Json& choices = member(json, "choices", "choices");
  if (!choices.is_array() || choices.empty()) throw GarbledReply("the reply has no choices[0]");
  const Json& choice = choices.front();
  const Json& message = member(choice, "message", "choices[0].message");
  const std::string where = "usage.completion_tokens";
  const Json& tokens = member(member(json, "usage", where), "completion_tokens", where);
  if (!tokens.is_number_integer() || tokens.get<int64_t>() < 0) {
    throw GarbledReply(where + " is not a count");
  }
  ChatReply reply;
  reply.reasoning = parse_reasoning(message);
  reply.text = parse_content(message, /*may_lack=*/!reply.reasoning.empty());
  reply.tokens = tokens.get<int64_t>();
  reply.prompt_tokens = parse_prompt_tokens(json.at("usage"));
  reply.ending = parse_ending(choice);
  if (logprobs && reply.tokens > 0) {
    reply.logprobs = token_logprobs(choice);
    reply.mean_logprob = std::accumulate(reply.logprobs.begin(), reply.logprobs.end(), 0.0) /
                         static_cast<double>(reply.logprobs.size());
  }
  return reply;
}

std::string error_message(const std::string& body) {
  const Json json = parse_leniently(body);
  if (!json.is_object()) return one_line(body);
  const Json* found = &json;
  if (json.contains("error")) found = &json.at("error");
  if (found->is_string()) return one_line(found->get<std::string>());
  for (const char* key : {"message", "detail"}) {
    if (!found->is_object() || !found->contains(key)) continue;
    const Json& message = found->at(key);
    return one_line(message.is_string() ? message.get<std::string>() : dump_json_line(message));
  }
  return one_line(body);
}

}  // namespace retmask::endpoint
