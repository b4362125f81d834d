#include "toml.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>
#include <utility>

#include "retmask/base/error.h"

namespace retmask::cli {
namespace {

bool is_bare_key_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  std::vector<TomlEntry> parse() {
    std::string section;
    for (skip_blank_lines(); !at_end(); skip_blank_lines()) {
      if (peek() == '[') {
        section = parse_section();
      } else {
        parse_entry(section);
      }
      expect_line_end();
    }
    return std::move(entries_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    user_error(where_, ":", line_, ": ", message);
  }

  bool at_end() const { return position_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }

  char take() {
    const char c = peek();
    if (c == '\n') ++line_;
    if (!at_end()) ++position_;
    return c;
  }

  bool accept(char expected) {
    if (at_end() || peek() != expected) return false;
    take();
    return true;
  }

  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\r') take();
  }

  void skip_comment() {
    if (peek() != '#') return;
    while (!at_end() && peek() != '\n') take();
  }

  void skip_blank_lines() {
    do {
      skip_spaces();
      skip_comment();
    } while (accept('\n'));
  }

  void expect_line_end() {
    skip_spaces();
    skip_comment();
    if (!at_end() && !accept('\n')) fail("expected the end of the line after the value");
  }

  std::string parse_section() {
    take();
    skip_spaces();
    std::string name = parse_key();
    skip_spaces();
    if (!accept(']')) fail("expected [section]");
    return name;
  }

  std::string parse_key() {
    if (peek() == '"' || peek() == '\'') return parse_string();
    std::string key;
    while (is_bare_key_char(peek())) key += take();
    if (key.empty()) fail("expected key = value");
    return key;
  }

  void parse_entry(const std::string& section) {
    TomlEntry entry;
    entry.section = section;
    entry.line = line_;
    entry.key = parse_key();
    skip_spaces();
    if (!accept('=')) fail("expected = after \"" + entry.key + "\"");
    skip_spaces();
    if (peek() == '[') {
      parse_array(entry);
    } else {
      parse_value(entry);
    }
    if (!names_.emplace(entry.section, entry.key).second)
      fail("\"" + entry.key + "\" is given twice");
    entries_.push_back(std::move(entry));
  }

  void parse_array(TomlEntry& entry) {
    entry.is_array = true;
    take();
    for (skip_blank_lines(); !accept(']'); skip_blank_lines()) {
      if (at_end()) fail("the array of \"" + entry.key + "\" has no closing ]");
      const TomlEntry::Kind kind = entry.kind;
      parse_value(entry);
      if (entry.values.size() > 1 && entry.kind != kind) fail("the array mixes types");
      skip_blank_lines();
      if (!accept(',') && peek() != ']' && !at_end()) fail("expected , or ] in the array");
    }
  }

  void parse_value(TomlEntry& entry) {
    if (peek() == '"' || peek() == '\'') {
      entry.kind = TomlEntry::Kind::string;
      entry.values.push_back(parse_string());
      return;
    }
    std::string word;
    while (is_bare_key_char(peek()) || peek() == '+' || peek() == '.') word += take();
    if (word == "true" || word == "false") {
      entry.kind = TomlEntry::Kind::boolean;
    } else {
      entry.kind = TomlEntry::Kind::number;
      word = parse_number(word, entry.key);
    }
    entry.values.push_back(std::move(word));
  }

  // TOML allows 1_000; without underscores it must be a number for strtod, which also reads inf and
  // nan.
  std::string parse_number(std::string word, const std::string& key) const {
    word.erase(std::remove(word.begin(), word.end(), '_'), word.end());
    char* end = nullptr;
    std::strtod(word.c_str(), &end);
    if (word.empty() || *end != '\0') {
      const bool is_short = !word.empty() && std::isdigit(static_cast<unsigned char>(word[0])) != 0;
      fail("the value of \"" + key + "\" is not a \"string\", number, true, false or array" +
           (is_short ? "; write \"" + word + "\" in quotes" : ""));
    }
    return word;
  }

  std::string parse_string() {
    const char quote = take();
    std::string value;
    while (!accept(quote)) {
      if (at_end() || peek() == '\n') fail("the string has no closing quote");
      const char c = take();
      value += c == '\\' && quote == '"' ? parse_escape() : c;
    }
    if (value.empty() && peek() == quote) fail("multi-line strings are not supported");
    return value;
  }

  char parse_escape() {
    switch (const char c = take()) {
      case '"':
      case '\\':
        return c;
      case 'n':
        return '\n';
      case 't':
        return '\t';
      default:
        fail(std::string("unknown escape \\") + c + R"( in a string; known: \" \\ \n \t)");
    }
  }

  std::string_view text_;
  const std::string& where_;
  size_t position_ = 0;
  int64_t line_ = 1;
  std::vector<TomlEntry> entries_;
  std::set<std::pair<std::string, std::string>> names_;  // (section, key) of each
};

}  // namespace

std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& where) {
  return Parser(text, where).parse();
}

}  // namespace retmask::cli
