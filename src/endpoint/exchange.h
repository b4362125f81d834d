#pragma once
// Interpretation of a server's reply.

#include <optional>
#include <string>

#include "http_connection.h"
#include "retmask/endpoint/chat.h"

namespace retmask::endpoint {

struct Outcome {
  std::optional<ChatReply> reply;  // nullopt: retry
  std::string reason;              // for the retry
  std::optional<double> retry_after;
};

// Throws UserError with the server's message for a reply that a retry cannot fix. `api_key` is
// removed from the server's text.
Outcome interpret(const HttpReply& http, const ChatRequest& request, const std::string& api_key);

}  // namespace retmask::endpoint
