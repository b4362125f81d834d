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
  size_t count = 0;  // number of requests
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

  // Objects referenced by `options` must outlive the pool.
  explicit Pool(const PoolOptions& options);
  // Aborts the requests in flight.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Waits for a reply. Nullopt when all have been returned, or after a failure when those that had
  // arrived have been. Throws Stopped.
  std::optional<Arrived> next();

  // The first request that failed for good.
  std::optional<Failure> failure() const;

 private:
  void work(const std::stop_token& stop, HttpConnection& connection);
  std::optional<std::pair<size_t, ChatRequest>> take(const std::stop_token& stop);
  std::optional<ChatReply> ask(const ChatRequest& request,
                               HttpConnection& connection,
                               const std::stop_token& stop);
  // False if stopped meanwhile.
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
