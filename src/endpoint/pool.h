#pragma once
// The threads of one ChatClient::run(): each has a connection and takes the next request.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "http_connection.h"
#include "retmask/endpoint/chat_client.h"

namespace retmask::endpoint {

struct PoolOptions {
  const Options& options;
  const Backoff& backoff;
  const Url& url;
  const std::string& api_key;
  size_t count = 0;  // requests
  const ChatClient::MakeRequest& make_request;
};

struct Failure {
  bool users_mistake = false;
  std::string message;
};

class Pool {
 public:
  struct Arrived {
    size_t index = 0;
    ChatReply reply;
  };

  // What `options` refers to outlives this object.
  explicit Pool(const PoolOptions& options);
  // Ends the requests that are under way.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Waits for a reply. Nothing when all have been handed out, or after a failure those that had
  // come. Throws Stopped.
  std::optional<Arrived> next();

  // Of the first request that failed for good.
  std::optional<Failure> failure() const;

 private:
  void work(const std::stop_token& stop, HttpConnection& connection);
  std::optional<std::pair<size_t, ChatRequest>> take(const std::stop_token& stop);
  std::optional<ChatReply> ask(const ChatRequest& request,
                               HttpConnection& connection,
                               const std::stop_token& stop);
  // False when it was stopped meanwhile.
  bool wait(double seconds, const std::stop_token& stop);
  void warn_once(const std::string& reason);
  void fail(bool users_mistake, const std::string& message);
  bool all_ended() const;

  const PoolOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  size_t next_index_ = 0;
  size_t working_ = 0;
  bool warned_ = false;
  std::deque<Arrived> arrived_;
  std::optional<Failure> failure_;
  std::vector<std::unique_ptr<HttpConnection>> connections_;
  std::vector<std::jthread> threads_;
};

}  // namespace retmask::endpoint
