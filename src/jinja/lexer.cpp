#include "lexer.h"

#include <algorithm>
#include <array>

#include "numbers.h"
#include "retmask/jinja/template.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                           "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                           ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

// "\r\n" and "\r" become "\n".
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  return out;
}

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& name)
      : name_(name), source_(with_plain_newlines(source)) {
    // keep_trailing_newline is off: a single trailing line break is dropped.
    if (source_.ends_with('\n')) source_.pop_back();
  }

  std::vector<Token> run() {
    while (at_ < source_.size()) lex_root();
    push(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw TemplateSyntaxError(name_, line_, reason);
  }

  bool starts_with(std::string_view text) const { return rest().starts_with(text); }
  std::string_view rest() const { return std::string_view(source_).substr(at_); }

  void push(Token::Kind kind, std::string text) {
    tokens_.push_back({kind, line_, std::move(text), {}});
  }

  // Advances to `end`, counting lines.
  void advance_to(size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                         source_.begin() + static_cast<ptrdiff_t>(end),
                                         '\n'));
    at_ = end;
  }
  void advance(size_t bytes) { advance_to(at_ + bytes); }

  size_t end_of_spaces(size_t from) const {
    while (from < source_.size()) {
      size_t next = from;
      if (!is_space(decode_at(source_, next))) break;
      from = next;
    }
    return from;
  }

  // The end of "%}" or "#}" with its whitespace control at `from`; npos if there is none.
  size_t end_of_tag(size_t from, std::string_view end) const {
    const std::string_view text = std::string_view(source_).substr(std::min(from, source_.size()));
    if (text.starts_with('+') && text.substr(1).starts_with(end)) return from + 1 + end.size();
    if (text.starts_with('-') && text.substr(1).starts_with(end)) {
      return end_of_spaces(from + 1 + end.size());
    }
    if (!text.starts_with(end)) return std::string::npos;
    const size_t after = from + end.size();
    return after < source_.size() && source_[after] == '\n' ? after + 1 : after;
  }

  // Emits the text before a tag at `tag`, whose sign ("-", "+" or none) controls whitespace
  // trimming.
  void push_data(size_t tag, char sign, bool may_lstrip) {
    std::string_view data = std::string_view(source_).substr(at_, tag - at_);
    if (sign == '-') {
      data = strip_spaces(data, /*left=*/false, /*right=*/true);
    } else if (sign != '+' && may_lstrip) {
      const size_t newline = data.rfind('\n');
      const size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
      const std::string_view blanks = data.substr(line_start);
      const bool starts_line = line_start > 0 || at_ == 0 || source_[at_ - 1] == '\n';
      if (starts_line && !blanks.empty() && strip_spaces(blanks, true, true).empty()) {
        data = data.substr(0, line_start);
      }
    }
    if (!data.empty()) push(Token::Kind::kData, std::string(data));
    advance_to(tag);
  }

  char sign_at(size_t place) const {
    const char c = place < source_.size() ? source_[place] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  // The end of "{% raw %}" at `tag`; npos if it is another tag.
  size_t end_of_raw_begin(size_t tag) const {
    size_t at = tag + 2;
    if (sign_at(at) != '\0') ++at;
    at = end_of_spaces(at);
    if (!std::string_view(source_).substr(at).starts_with("raw")) return std::string::npos;
    at = end_of_spaces(at + 3);
    const std::string_view text = std::string_view(source_).substr(at);
    if (text.starts_with("-%}")) return end_of_spaces(at + 3);
    return text.starts_with("%}") ? at + 2 : std::string::npos;
  }

  void lex_root() {
    size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) {
        push(Token::Kind::kData, source_.substr(at_));
        advance_to(source_.size());
        return;
      }
      const char second = source_[tag + 1];
      if (second == '{' || second == '%' || second == '#') break;
      ++tag;
    }
    const char second = source_[tag + 1];
    const char sign = sign_at(tag + 2);
    push_data(tag, sign, /*may_lstrip=*/second != '{');
    if (second == '%') {
      const size_t raw = end_of_raw_begin(tag);
      if (raw != std::string::npos) {
        advance_to(raw);
        lex_raw();
        return;
      }
    }
    if (second == '#') {
      advance(sign == '\0' ? 2 : 3);
      lex_comment();
    } else {
      push(second == '{' ? Token::Kind::kVariableBegin : Token::Kind::kBlockBegin, "");
      advance(sign == '\0' ? 2 : 3);
      lex_tag(/*is_variable=*/second == '{');
    }
  }

  void lex_comment() {
    if (at_ == source_.size()) return;  // accepted by Jinja2
    for (size_t at = at_; at < source_.size(); ++at) {
      const char c = source_[at];
      if (c != '#' && c != '-' && c != '+') continue;
      const size_t end = end_of_tag(at, "#}");
      if (end == std::string::npos) continue;
      advance_to(end);
      return;
    }
    fail("a comment {# is not closed");
  }

  void lex_raw() {
    if (at_ == source_.size()) return;  // accepted by Jinja2
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos;
         tag = source_.find("{%", tag + 1)) {
      const char sign = sign_at(tag + 2);
      const size_t word = end_of_spaces(tag + (sign == '\0' ? 2 : 3));
      if (!std::string_view(source_).substr(word).starts_with("endraw")) continue;
      const size_t end = end_of_tag(end_of_spaces(word + 6), "%}");
      if (end == std::string::npos) continue;
      push_data(tag, sign, /*may_lstrip=*/true);
      advance_to(end);
      return;
    }
    fail("{% raw %} is not closed");
  }

  void lex_tag(bool is_variable) {
    std::string open;  // expected closing brackets
    while (at_ < source_.size()) {
      if (open.empty() && lex_tag_end(is_variable)) return;
      const size_t spaces = end_of_spaces(at_);
      if (spaces > at_) {
        advance_to(spaces);
        continue;
      }
      if (!lex_number() && !lex_name() && !lex_string() && !lex_operator(open)) {
        size_t end = at_;
        decode_at(source_, end);
        fail("unexpected character '" + source_.substr(at_, end - at_) + "'");
      }
    }
  }

  bool lex_tag_end(bool is_variable) {
    if (is_variable) {
      if (!starts_with("}}") && !starts_with("-}}")) return false;
      push(Token::Kind::kVariableEnd, "");
      advance_to(starts_with("-") ? end_of_spaces(at_ + 3) : at_ + 2);
      return true;
    }
    const size_t end = end_of_tag(at_, "%}");
    if (end == std::string::npos) return false;
    push(Token::Kind::kBlockEnd, "");
    advance_to(end);
    return true;
  }

  // Digits with single underscores between them; returns the position after them, or `from`.
  template <typename IsDigit>
  size_t end_of_digits(size_t from, const IsDigit& is_digit_here) const {
    size_t end = from;
    while (end < source_.size()) {
      if (is_digit_here(source_[end])) {
        ++end;
      } else if (end > from && source_[end] == '_' && end + 1 < source_.size() &&
                 is_digit_here(source_[end + 1])) {
        end += 2;
      } else {
        break;
      }
    }
    return end;
  }

  // "1.5", "1e5", "1.5e-3"; npos if no float starts here.
  size_t end_of_float() const {
    if (at_ > 0 && source_[at_ - 1] == '.') return std::string::npos;
    const size_t whole = end_of_digits(at_, is_ascii_digit);
    if (whole == at_) return std::string::npos;
    size_t end = std::string::npos;
    size_t at = whole;
    if (at + 1 < source_.size() && source_[at] == '.' && is_ascii_digit(source_[at + 1])) {
      at = end_of_digits(at + 1, is_ascii_digit);
      end = at;
    }
    if (at < source_.size() && (source_[at] == 'e' || source_[at] == 'E')) {
      size_t digits = at + 1;
      if (digits < source_.size() && (source_[digits] == '+' || source_[digits] == '-')) ++digits;
      const size_t after = end_of_digits(digits, is_ascii_digit);
      if (after > digits) end = after;
    }
    return end;
  }

  size_t end_of_integer() const {
    const auto prefixed = [&](char mark, const auto& is_digit_here) {
      if (at_ + 2 >= source_.size() || source_[at_] != '0') return at_;
      if ((source_[at_ + 1] | 0x20) != mark) return at_;
      size_t digits = at_ + 2;
      if (source_[digits] == '_') ++digits;
      const size_t end = end_of_digits(digits, is_digit_here);
      return end > digits ? end : at_;
    };
    size_t end = prefixed('b', [](char c) { return c == '0' || c == '1'; });
    if (end == at_) end = prefixed('o', [](char c) { return c >= '0' && c <= '7'; });
    if (end == at_) end = prefixed('x', is_hex_digit);
    if (end == at_ && source_[at_] == '0') {
      end = end_of_digits(at_, [](char c) { return c == '0'; });
    } else if (end == at_) {
      end = end_of_digits(at_, is_ascii_digit);
    }
    return end;
  }

  bool lex_number() {
    if (!is_ascii_digit(source_[at_])) return false;
    const size_t float_end = end_of_float();
    const bool is_float = float_end != std::string::npos;
    const size_t end = is_float ? float_end : end_of_integer();
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    push(is_float ? Token::Kind::kFloat : Token::Kind::kInteger, text);
    try {
      tokens_.back().number = is_float ? Value::real(parse_float(text).value())
                                       : Value::integer(parse_int(text, 0).value());
    } catch (const PythonError& error) {
      fail(error.what());
    }
    advance_to(end);
    return true;
  }

  bool lex_name() {
    size_t end = at_;
    bool valid = true;
    while (end < source_.size()) {
      size_t next = end;
      const char32_t c = decode_at(source_, next);
      if (!is_word(c) && !is_identifier_part(c)) break;
      valid = valid && (end == at_ ? is_identifier_start(c) : is_identifier_part(c));
      end = next;
    }
    if (end == at_) return false;
    if (!valid) fail("invalid character in identifier '" + source_.substr(at_, end - at_) + "'");
    push(Token::Kind::kName, source_.substr(at_, end - at_));
    advance_to(end);
    return true;
  }

  bool lex_string() {
    const char quote = source_[at_];
    if (quote != '\'' && quote != '"') return false;
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a string is not closed");
    push(Token::Kind::kString, unescaped(source_.substr(at_ + 1, end - at_ - 1)));
    advance_to(end + 1);
    return true;
  }

  // Like Python's codec "unicode-escape".
  std::string unescaped(std::string_view text) const {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      if (text[at] != '\\') {
        out += text[at++];
        continue;
      }
      size_t next = at + 1;
      const char32_t c = decode_at(text, next);
      constexpr std::string_view kFrom = "\\'\"abfnrtv";
      constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
      const size_t simple = c < 0x80 ? kFrom.find(static_cast<char>(c)) : std::string_view::npos;
      if (simple != std::string_view::npos) {
        out += kTo[simple];
      } else if (c == '\n') {
        // A line break after a backslash is dropped.
      } else if (c >= '0' && c <= '7') {
        char32_t value = 0;
        size_t digit = at + 1;
        for (; digit < text.size() && digit < at + 4 && text[digit] >= '0' && text[digit] <= '7';
             ++digit) {
          value = value * 8 + static_cast<char32_t>(text[digit] - '0');
        }
        append_code_point(out, value);
        next = digit;
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        append_code_point(out, hex_escape(text.substr(next), digits));
        next += digits;
      } else if (c == 'N') {
        fail("named character escapes (\\N{..}) are not supported");
      } else if (c >= 0x80) {
        // The codec has written the character as an escape, whose backslash is then escaped.
        const size_t digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
        const std::string hex = int_text(static_cast<Int>(c), 16);
        out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
        out += std::string(digits - hex.size(), '0') + hex;
      } else {
        out += text.substr(at, next - at);
      }
      at = next;
    }
    return out;
  }

  char32_t hex_escape(std::string_view text, size_t digits) const {
    const std::string_view hex = text.substr(0, digits);
    if (hex.size() < digits || !std::all_of(hex.begin(), hex.end(), is_hex_digit)) {
      fail("a \\x, \\u or \\U escape in a string is cut short");
    }
    const auto value = static_cast<char32_t>(*parse_int(hex, 16));
    if (value > 0x10FFFF) fail("an escape in a string is not a Unicode character");
    if (value >= 0xD800 && value <= 0xDFFF) {
      fail("an escape in a string is half of a surrogate pair; write the character itself");
    }
    return value;
  }

  bool lex_operator(std::string& open) {
    for (const std::string_view symbol : kOperators) {
      if (!starts_with(symbol)) continue;
      const char c = symbol[0];
      if (symbol == "(" || symbol == "[" || symbol == "{") {
        open += c == '(' ? ')' : c == '[' ? ']' : '}';
      } else if (symbol == ")" || symbol == "]" || symbol == "}") {
        if (open.empty()) fail("unexpected '" + std::string(symbol) + "'");
        if (open.back() != c) {
          fail("unexpected '" + std::string(symbol) + "', expected '" + open.back() + "'");
        }
        open.pop_back();
      }
      push(Token::Kind::kOperator, std::string(symbol));
      advance(symbol.size());
      return true;
    }
    return false;
  }

  const std::string& name_;
  std::string source_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, const std::string& name) {
  return Lexer(source, name).run();
}

}  // namespace retmask::jinja
