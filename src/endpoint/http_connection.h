#pragma once
// A persistent connection to a server.

#include <memory>
#include <string>

#include "retmask/endpoint/url.h"

namespace retmask::endpoint {

struct HttpReply {
  int status = 0;  // 0: no complete reply, see `failure`
  std::string body;
  std::string retry_after;  // value of the header; empty if absent
  std::string failure;      // "no reply within 600 s"
};

class HttpConnection {
 public:
  // Connects on the first request. `api_key` may be empty.
  HttpConnection(const Url& url, double timeout_seconds, const std::string& api_key);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Posts JSON. One thread at a time.
  HttpReply post(const std::string& body);

  // Callable from any thread: aborts a post() in progress.
  void stop();

 private:
  void set_in_use(bool in_use);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retmask::endpoint
