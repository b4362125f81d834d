#pragma once
// Server addresses.

#include <string>

namespace retmask::endpoint {

struct Url {
  std::string origin;  // "https://host:8000"
  std::string path;    // "/v1/chat/completions"
  std::string host;    // "host"; an IPv6 address without brackets
  int port = 80;
  bool encrypted = false;
  bool loopback = false;  // this machine: localhost, 127.0.0.0/8, ::1

  std::string text() const { return origin + path; }
};

// The chat completions endpoint of a base URL: http://host:8000, http://host:8000/v1 and
// http://host:8000/v1/chat/completions are equivalent. Throws UserError naming `flag` if `text` is
// not an http or https URL, and for user:password@ or ?query, since URLs are written into run.json;
// the message does not repeat these.
Url parse_chat_url(const std::string& text, const std::string& flag);

}  // namespace retmask::endpoint
