#include "retmask/base/head.h"

#include <charconv>

namespace retmask {
namespace {

std::optional<int64_t> parse_index(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(const Head& head) {
  return std::to_string(head.layer) + "-" + std::to_string(head.head);
}

std::optional<Head> parse_head_name(std::string_view name) {
  const size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto layer = parse_index(name.substr(0, dash));
  const auto head = parse_index(name.substr(dash + 1));
  if (!layer || !head) return std::nullopt;
  return Head{*layer, *head};
}

}  // namespace retmask
