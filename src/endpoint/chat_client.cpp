#include "retmask/endpoint/chat_client.h"

#include "pool.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace retmask::endpoint {

ChatClient::ChatClient(Options options, Backoff backoff)
    : options_(std::move(options)),
      backoff_(backoff),
      url_(parse_chat_url(options_.url, "the URL of the server")),
      api_key_(read_api_key(options_.key_env)) {
  if (!api_key_.empty() && !url_.encrypted && !url_.loopback) {
    log::warn("the API key goes to " + url_.origin +
              " over http, which others on the network can read; use https, or unset the variable "
              "where the server needs no key");
  }
}

void ChatClient::run(size_t count, const MakeRequest& make_request, const OnReply& on_reply) const {
  size_t replies = 0;
  Pool pool({.options = options_,
             .backoff = backoff_,
             .url = url_,
             .api_key = api_key_,
             .count = count,
             .make_request = make_request});
  while (const auto arrived = pool.next()) {
    on_reply(arrived->index, arrived->reply);
    ++replies;
  }
  if (const std::optional<Failure> failure = pool.failure()) {
    const std::string message = detail::concat(url_.text(),
                                               ": ",
                                               failure->message,
                                               "; ",
                                               replies,
                                               " of ",
                                               count,
                                               " replies were received and are kept; the same "
                                               "command resumes from there");
    if (failure->users_mistake) throw UserError(message);
    throw EndpointFailure(message);
  }
  RETMASK_CHECK(replies == count);
}

}  // namespace retmask::endpoint
