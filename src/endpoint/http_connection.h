#pragma once
// One connection to a server, kept open from request to request.

#include <memory>
#include <string>

#include "retmask/endpoint/url.h"

namespace retmask::endpoint {

struct HttpReply {
  int status = 0;  // 0: no whole reply came, see `failure`
  std::string body;
  std::string retry_after;  // the header's value; empty without it
  std::string failure;      // "no reply within 600 s"
};

class HttpConnection {
 public:
  // Connects with the first request. `api_key` may be empty.
  HttpConnection(const Url& url, double timeout_seconds, const std::string& api_key);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Posts JSON. One thread at a time.
  HttpReply post(const std::string& body);

  // From any thread: ends a post() that is under way.
  void stop();

 private:
  void set_in_use(bool in_use);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retmask::endpoint
