#include "added_tokens.h"

#include <algorithm>

#include "unicode.h"
#include "utf8.h"

namespace retmask::text {
namespace {

bool touches_word(std::string_view text, size_t begin, size_t end) {
  if (begin > 0) {
    size_t at = begin;
    if (is_word(previous_code_point(text, at))) return true;
  }
  return end < text.size() && is_word(next_code_point(text, end));
}

size_t skip_space_before(std::string_view text, size_t begin) {
  while (begin > 0) {
    size_t at = begin;
    if (!is_white_space(previous_code_point(text, at))) break;
    begin = at;
  }
  return begin;
}

size_t skip_space_behind(std::string_view text, size_t end) {
  while (end < text.size()) {
    size_t at = end;
    if (!is_white_space(next_code_point(text, at))) break;
    end = at;
  }
  return end;
}

}  // namespace

AddedToken read_added_token(const Json& json, int64_t id, const std::string& where) {
  AddedToken token;
  token.content = json_get<std::string>(json, "content", where);
  token.id = id;
  token.special = json_get_or(json, "special", false, where);
  token.normalized = json_get_or(json, "normalized", !token.special, where);
  token.single_word = json_get_or(json, "single_word", false, where);
  token.lstrip = json_get_or(json, "lstrip", false, where);
  token.rstrip = json_get_or(json, "rstrip", false, where);
  return token;
}

void AddedTokenFinder::add(const std::string& pattern, const AddedToken& token) {
  if (pattern.empty()) return;
  first_bytes_.set(static_cast<unsigned char>(pattern[0]));
  uint32_t node = 0;
  for (const char byte : pattern) {
    const auto& children = trie_[node].children;
    const auto child = std::find_if(
        children.begin(), children.end(), [&](const auto& c) { return c.first == byte; });
    if (child != children.end()) {
      node = child->second;
      continue;
    }
    const auto created = static_cast<uint32_t>(trie_.size());
    trie_[node].children.emplace_back(byte, created);
    trie_.emplace_back();
    node = created;
  }
  trie_[node].token = &token;
}

AddedTokenFinder::Match AddedTokenFinder::find(std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!first_bytes_.test(static_cast<unsigned char>(text[begin]))) continue;
    Match longest{begin, begin, nullptr};
    uint32_t node = 0;
    for (size_t at = begin; at < text.size(); ++at) {
      const auto& children = trie_[node].children;
      const auto child = std::find_if(
          children.begin(), children.end(), [&](const auto& c) { return c.first == text[at]; });
      if (child == children.end()) break;
      node = child->second;
      if (trie_[node].token != nullptr) longest = {begin, at + 1, trie_[node].token};
    }
    if (longest.token != nullptr) return longest;
  }
  return {text.size(), text.size(), nullptr};
}

std::vector<AddedTokenFinder::Part> AddedTokenFinder::split(std::string_view text) const {
  std::vector<Part> parts;
  size_t done = 0;  // `parts` covers the text up to here
  const auto add_part = [&](size_t begin, size_t end, const AddedToken* token) {
    if (begin < end) parts.push_back({text.substr(begin, end - begin), token});
  };
  size_t from = 0;
  while (true) {
    const Match match = find(text, from);
    if (match.token == nullptr) break;
    from = match.end;
    if (match.token->single_word && touches_word(text, match.begin, match.end)) continue;
    const size_t begin =
        match.token->lstrip ? std::max(skip_space_before(text, match.begin), done) : match.begin;
    const size_t end = match.token->rstrip ? skip_space_behind(text, match.end) : match.end;
    add_part(done, begin, nullptr);
    add_part(begin, end, match.token);
    done = end;
  }
  add_part(done, text.size(), nullptr);
  return parts;
}

}  // namespace retmask::text
