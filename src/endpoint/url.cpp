#include "retmask/endpoint/url.h"

#include <algorithm>
#include <cctype>

#include "retmask/base/error.h"

namespace retmask::endpoint {
namespace {

constexpr std::string_view kChatPath = "/chat/completions";

bool is_printable(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

bool is_port(std::string_view text) {
  const bool digits =
      !text.empty() && text.size() <= 5 &&
      std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!digits) return false;
  const int port = std::stoi(std::string(text));
  return port >= 1 && port <= 65535;
}

// "host", "host:8000", "[::1]:8000" -> host; empty when it is none of these.
std::string host_of(std::string_view authority) {
  size_t end = authority.find(':');
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return "";
    end = bracket + 1;
  }
  if (end >= authority.size()) return std::string(authority);
  const bool port = authority[end] == ':' && is_port(authority.substr(end + 1));
  return port ? std::string(authority.substr(0, end)) : "";
}

std::string chat_path(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  if (path.ends_with(kChatPath)) return path;
  return (path.empty() ? "/v1" : path) + std::string(kChatPath);
}

}  // namespace

Url parse_chat_url(const std::string& text, const std::string& flag) {
  const bool encrypted = text.starts_with("https://");
  if ((!encrypted && !text.starts_with("http://")) || !is_printable(text)) {
    user_error(flag, " is not an http:// or https:// URL, expected one like http://host:8000/v1");
  }
  const size_t begin = text.find("//") + 2;
  const size_t slash = std::min(text.find('/', begin), text.size());
  const std::string authority = text.substr(begin, slash - begin);
  // The URL is not repeated: what is wrong with it may be a secret.
  if (authority.find('@') != std::string::npos) {
    user_error(flag,
               " carries credentials (user:password@), which would be written into run.json; give "
               "the key in an environment variable (--endpoint-key-env)");
  }
  if (text.find_first_of("?#") != std::string::npos) {
    user_error(flag,
               " carries a ?query or #fragment, which would be written into run.json; give the "
               "address alone, and a key in an environment variable (--endpoint-key-env)");
  }
  const std::string host = host_of(authority);
  if (host.empty()) {
    user_error(flag, " is \"", text, "\", expected a host and perhaps a port: http://host:8000/v1");
  }
  return {.origin = text.substr(0, slash),
          .path = chat_path(text.substr(slash)),
          .encrypted = encrypted,
          .loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.")};
}

}  // namespace retmask::endpoint
