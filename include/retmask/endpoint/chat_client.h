#pragma once
// Concurrent chat completions from an OpenAI-compatible server.

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>

#include "retmask/endpoint/backoff.h"
#include "retmask/endpoint/chat.h"
#include "retmask/endpoint/options.h"
#include "retmask/endpoint/url.h"

namespace retmask::endpoint {

// The server did not answer a request in any of its tries. Not the user's mistake: the same command
// resumes when the server is back.
class EndpointFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ChatClient {
 public:
  using MakeRequest = std::function<ChatRequest(size_t index)>;
  using OnReply = std::function<void(size_t index, const ChatReply& reply)>;

  // `options` must be valid. Reads the API key. Throws UserError.
  explicit ChatClient(Options options, Backoff backoff = {});

  // Sends requests 0 to count - 1, at most options.concurrency at a time, and calls `on_reply` once
  // for each, on the calling thread, in order of arrival. `make_request` is called from other
  // threads, one at a time.
  //
  // A request is retried after 408, 429, 5xx, a timeout, a dropped connection or a reply that is
  // not a chat completion. Any other status is a UserError with the server's message. A request
  // that has failed options.tries times, or a server that asks to wait longer than kLongestWait, is
  // an EndpointFailure. Either error names the URL, the last reason and the number of replies
  // received; exceptions of `on_reply` propagate, and so does Stopped while waiting. No request is
  // in flight after it returns or throws.
  void run(size_t count, const MakeRequest& make_request, const OnReply& on_reply) const;

  static constexpr double kLongestWait = 600;  // seconds; the longest Retry-After that is honoured

 private:
  Options options_;
  Backoff backoff_;
  Url url_;
  std::string api_key_;
};

}  // namespace retmask::endpoint
