#include "regex_dialect.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "retmask/base/error.h"

namespace retmask::text {
namespace {

// General categories and other properties with the same meaning in both dialects.
bool is_general_property(std::string_view name) {
  constexpr std::string_view kGroups = "LMNPSZC";
  if (name.size() == 1) return kGroups.find(name[0]) != std::string_view::npos;
  return name.size() == 2 && kGroups.find(name[0]) != std::string_view::npos && name[1] >= 'a' &&
         name[1] <= 'z';
}

class Translator {
 public:
  Translator(const std::string& pattern, const std::string& where)
      : pattern_(pattern), where_(where) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      if (peek("\\")) {
        escape();
      } else if (in_class_) {
        inside_class();
      } else {
        outside_class();
      }
    }
    return std::move(out_);
  }

 private:
  bool peek(std::string_view text) const { return pattern_.compare(at_, text.size(), text) == 0; }

  void copy(size_t count) {
    out_.append(pattern_, at_, count);
    at_ += count;
  }

  [[noreturn]] void refuse(const std::string& construct) const {
    user_error(
        where_,
        ": the regular expression ",
        pattern_,
        " uses ",
        construct,
        ", which is not supported; supported are literals, classes, \\p{..}, \\s, \\d, groups, "
        "alternatives, repeats and look-around");
  }

  void escape() {
    if (at_ + 1 == pattern_.size()) refuse("a trailing backslash");
    const char kind = pattern_[at_ + 1];
    if (kind == 'p' || kind == 'P') return property();
    if (kind == 'u') return unicode_escape();
    constexpr std::string_view kAlike = "sSdDrntf";
    const bool punctuation =
        kind >= ' ' && kind < 0x7F && std::isalnum(static_cast<unsigned char>(kind)) == 0;
    if (!punctuation && kAlike.find(kind) == std::string_view::npos) {
      refuse(std::string("\\") + kind);
    }
    copy(2);
  }

  // \uHHHH
  void unicode_escape() {
    const std::string digits = pattern_.substr(at_ + 2, 4);
    const bool hex = std::all_of(
        digits.begin(), digits.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
    if (digits.size() != 4 || !hex) refuse("\\u without four digits");
    out_ += "\\x{" + digits + "}";
    at_ += 6;
  }

  // \p{Name}, \P{Name}, \p{^Name}
  void property() {
    const size_t close = pattern_.find('}', at_);
    if (at_ + 2 >= pattern_.size() || pattern_[at_ + 2] != '{' || close == std::string::npos) {
      refuse("\\p without a name in braces");
    }
    std::string name = pattern_.substr(at_ + 3, close - at_ - 3);
    std::string negation;
    if (name.starts_with('^')) {
      negation = "^";
      name.erase(0, 1);
    }
    const std::string script = is_general_property(name) ? "" : "sc:";
    out_ += pattern_.substr(at_, 2) + "{" + negation + script + name + "}";
    at_ = close + 1;
  }

  void inside_class() {
    if (peek("[")) refuse("a class within a class");
    if (peek("&&")) refuse("an intersection of classes");
    if (peek("]")) in_class_ = false;
    copy(1);
  }

  void outside_class() {
    if (peek("^") || peek("$")) refuse("an anchor");
    if (peek("(?") || peek("(*")) check_group();
    if (peek("{")) return interval();
    if (peek("[")) {
      in_class_ = true;
      copy(1);
      if (peek("^")) copy(1);
      if (peek("]")) refuse("an unescaped ] in a class");
      return;
    }
    copy(1);
  }

  void check_group() const {
    constexpr std::array<std::string_view, 7> kAlike = {
        "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};
    const bool alike = std::any_of(
        kAlike.begin(), kAlike.end(), [&](std::string_view group) { return peek(group); });
    if (!alike) refuse("the group " + pattern_.substr(at_, 4));
  }

  // {2}, {1,3}, {1,} or {,3}; other braces are literals. In Oniguruma {..}+ repeats the repeat
  // (PCRE2: makes it possessive), {2}? is the repeat or nothing (PCRE2: a lazy repeat), and {,3}
  // begins at 0 (PCRE2: a literal).
  void interval() {
    const size_t close = pattern_.find('}', at_);
    if (close == std::string::npos) refuse("an unclosed {");
    const std::string inside = pattern_.substr(at_ + 1, close - at_ - 1);
    const size_t comma = std::min(inside.find(','), inside.size());
    const bool has_comma = comma < inside.size();
    const std::string low = inside.substr(0, comma);
    const std::string high = has_comma ? inside.substr(comma + 1) : "";
    if (!is_number(low) || !is_number(high) || low.size() + high.size() == 0) {
      out_ += "\\{";
      ++at_;
      return;
    }
    out_ += "{" + (low.empty() ? "0" : low) + (has_comma ? "," + high : "") + "}";
    at_ = close + 1;
    if (peek("+")) refuse("{..}+");
    if (peek("?") && !has_comma) refuse("{" + low + "}?");
  }

  // Digits, or nothing.
  static bool is_number(const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  }

  const std::string& pattern_;
  const std::string& where_;
  std::string out_;
  size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string oniguruma_to_pcre(const std::string& pattern, const std::string& where) {
  return Translator(pattern, where).run();
}

}  // namespace retmask::text
