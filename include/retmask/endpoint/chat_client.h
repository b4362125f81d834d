#pragma once
// Many chat completions from an OpenAI-compatible server at once.

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>

#include "retmask/endpoint/backoff.h"
#include "retmask/endpoint/chat.h"
#include "retmask/endpoint/options.h"
#include "retmask/endpoint/url.h"

namespace retmask::endpoint {

// The server did not answer a request in all its tries. No mistake of the user's: the same command
// goes on when the server is back.
class EndpointFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ChatClient {
 public:
  using MakeRequest = std::function<ChatRequest(size_t index)>;
  using OnReply = std::function<void(size_t index, const ChatReply& reply)>;

  // `options` are valid. Reads the API key. Throws UserError.
  explicit ChatClient(Options options, Backoff backoff = {});

  // Sends requests 0 to count - 1, at most options.concurrency at a time, and calls `on_reply` once
  // for each, on the calling thread, in the order in which the replies come. `make_request` is
  // called from other threads, one at a time.
  //
  // A request is sent again after 408, 429, 5xx, a timeout, a dropped connection or a reply that is
  // no chat completion. Any other status is a UserError with the server's message. When a request
  // has failed options.tries times, or the server asks to wait longer than kLongestWait, this is an
  // EndpointFailure. Either error names the URL, the last reason and how many replies had come;
  // what `on_reply` throws goes through, and so does Stopped while replies are waited for. Returns
  // or throws when no request is under way any more.
  void run(size_t count, const MakeRequest& make_request, const OnReply& on_reply) const;

  static constexpr double kLongestWait = 600;  // seconds that a Retry-After may ask for

 private:
  Options options_;
  Backoff backoff_;
  Url url_;
  std::string api_key_;
};

}  // namespace retmask::endpoint
