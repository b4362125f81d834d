#include "retmask/endpoint/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include "retmask/base/error.h"

namespace retmask::endpoint {
namespace {

constexpr std::string_view kChatPath = "/chat/completions";

bool is_printable(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

std::optional<int> parse_port(std::string_view text) {
  const bool digits =
      !text.empty() && text.size() <= 5 &&
      std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!digits) return std::nullopt;
  const int port = std::stoi(std::string(text));
  if (port < 1 || port > 65535) return std::nullopt;
  return port;
}

// "::1", "fe80::1%eth0"
bool is_ipv6(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), &address) == 1;
}

// The content of an IPv6 address's brackets; "%25" encodes the "%" before a zone.
std::string without_brackets(std::string_view text) {
  std::string host(text.substr(1, text.size() - 2));
  const size_t zone = host.find("%25");
  if (zone != std::string::npos) host.erase(zone + 1, 2);
  return host;
}

struct Authority {
  std::string host;
  std::optional<int> port;
};

// Parses "host", "host:8000", "[::1]:8000"; nullopt for anything else.
std::optional<Authority> parse_authority(std::string_view text) {
  const size_t end = std::min(text.starts_with('[') ? text.find(']') : text.find(':'), text.size());
  const bool bracketed = text.starts_with('[');
  if (bracketed && end == text.size()) return std::nullopt;
  const std::string_view shown = text.substr(0, end + (bracketed ? 1 : 0));
  Authority authority{.host = bracketed ? without_brackets(shown) : std::string(shown), .port = {}};
  if (authority.host.empty() || (bracketed && !is_ipv6(authority.host))) return std::nullopt;
  const std::string_view rest = text.substr(shown.size());
  if (rest.empty()) return authority;
  authority.port = parse_port(rest.substr(1));
  if (!rest.starts_with(':') || !authority.port) return std::nullopt;
  return authority;
}

// A name that merely starts with 127.0.0.1 is another host: 127.0.0.1.example.com.
bool is_loopback(const std::string& host) {
  if (::strcasecmp(host.c_str(), "localhost") == 0) return true;
  constexpr uint32_t kLoopbackNet = 127;
  in_addr v4{};  // also 127.1, as the resolver accepts it
  if (::inet_aton(host.c_str(), &v4) != 0) return ntohl(v4.s_addr) >> 24 == kLoopbackNet;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == kLoopbackNet);
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
    user_error(flag,
               " is not an http:// or https:// URL, expected for example http://host:8000/v1");
  }
  const size_t begin = text.find("//") + 2;
  const size_t slash = std::min(text.find('/', begin), text.size());
  const std::string authority = text.substr(begin, slash - begin);
  // The URL is not repeated: the offending part may be a secret.
  if (authority.find('@') != std::string::npos) {
    user_error(flag,
               " carries credentials (user:password@), which would be written into run.json; give "
               "the key in an environment variable (--endpoint-key-env)");
  }
  if (text.find_first_of("?#") != std::string::npos) {
    user_error(
        flag,
        " carries a ?query or #fragment, which would be written into run.json; give only the "
        "address, and a key in an environment variable (--endpoint-key-env)");
  }
  const std::optional<Authority> parsed = parse_authority(authority);
  if (!parsed) {
    user_error(
        flag,
        " is \"",
        text,
        "\", expected a host and an optional port: http://host:8000/v1, or for an IPv6 address "
        "http://[fd00::1]:8000/v1");
  }
  return {.origin = text.substr(0, slash),
          .path = chat_path(text.substr(slash)),
          .host = parsed->host,
          .port = parsed->port.value_or(encrypted ? 443 : 80),
          .encrypted = encrypted,
          .loopback = is_loopback(parsed->host)};
}

}  // namespace retmask::endpoint
