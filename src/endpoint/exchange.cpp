#include "exchange.h"

#include <ctime>

#include "retmask/base/error.h"
#include "retmask/endpoint/backoff.h"

namespace retmask::endpoint {
namespace {

bool is_passing(int status) { return status == 408 || status == 429 || status >= 500; }

std::string without_key(std::string text, const std::string& api_key) {
  if (api_key.empty()) return text;
  for (size_t at = text.find(api_key); at != std::string::npos; at = text.find(api_key, at)) {
    text.replace(at, api_key.size(), "***");
    at += 3;
  }
  return text;
}

// Removes the key from the whole body first: cutting to one line could split the key.
std::string said(const HttpReply& http, const std::string& api_key) {
  return error_message(without_key(http.body, api_key));
}

}  // namespace

Outcome interpret(const HttpReply& http, const ChatRequest& request, const std::string& api_key) {
  if (http.status == 0) return {.reply = {}, .reason = http.failure, .retry_after = {}};
  if (says_prompt_too_long(http.status, http.body, request.max_tokens)) {
    ChatReply too_long;
    too_long.ending = ChatEnding::prompt_too_long;
    return {.reply = too_long, .reason = "", .retry_after = {}};
  }
  if (http.status == 200) {
    try {
      return {
          .reply = parse_chat_reply(http.body, request.logprobs), .reason = "", .retry_after = {}};
    } catch (const GarbledReply& error) {
      return {
          .reply = {}, .reason = error.what() + (": " + said(http, api_key)), .retry_after = {}};
    }
  }
  const std::string reason = detail::concat("status ", http.status, ": ", said(http, api_key));
  if (!is_passing(http.status)) throw UserError(reason);
  return {.reply = {},
          .reason = reason,
          .retry_after = parse_retry_after(http.retry_after, std::time(nullptr))};
}

}  // namespace retmask::endpoint
