#pragma once
// What a server's reply means for the request.

#include <optional>
#include <string>

#include "http_connection.h"
#include "retmask/endpoint/chat.h"

namespace retmask::endpoint {

struct Outcome {
  std::optional<ChatReply> reply;  // nothing: ask again
  std::string reason;              // why to ask again
  std::optional<double> retry_after;
};

// Throws UserError with the server's message for a reply that asking again cannot mend. `api_key`
// is cut out of what the server says.
Outcome interpret(const HttpReply& http, const ChatRequest& request, const std::string& api_key);

}  // namespace retmask::endpoint
