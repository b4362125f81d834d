#include "html.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

// Common entities; html.unescape knows 2,231, and one that is missing here is an error that names
// it.
constexpr std::pair<std::string_view, char32_t> kEntities[] = {
    {"amp", '&'},      {"lt", '<'},        {"gt", '>'},       {"quot", '"'},     {"apos", '\''},
    {"nbsp", 0xA0},    {"copy", 0xA9},     {"reg", 0xAE},     {"raquo", 0xBB},   {"laquo", 0xAB},
    {"middot", 0xB7},  {"hellip", 0x2026}, {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},
    {"rsquo", 0x2019}, {"ldquo", 0x201C},  {"rdquo", 0x201D}, {"bull", 0x2022},  {"euro", 0x20AC},
    {"trade", 0x2122}, {"times", 0xD7},    {"deg", 0xB0},     {"pound", 0xA3},   {"auml", 0xE4},
    {"ouml", 0xF6},    {"uuml", 0xFC},     {"Auml", 0xC4},    {"Ouml", 0xD6},    {"Uuml", 0xDC},
    {"szlig", 0xDF},   {"eacute", 0xE9},   {"egrave", 0xE8},  {"agrave", 0xE0},  {"ccedil", 0xE7},
    {"ntilde", 0xF1}};

// HTML's mapping of the numbers 0x80 to 0x9F: Windows-1252.
constexpr char32_t kWindows1252[] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_ascii_number(char c) { return c >= '0' && c <= '9'; }

// "&#..;" at `at`; false if it is not one.
bool unescape_number(std::string_view text, size_t& at, std::string& out) {
  size_t digits = at + 2;
  const bool is_hex = digits < text.size() && (text[digits] == 'x' || text[digits] == 'X');
  if (is_hex) ++digits;
  size_t end = digits;
  uint64_t number = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    int digit = -1;
    if (is_ascii_number(c)) digit = c - '0';
    if (is_hex && is_ascii_letter(c) && (c | 0x20) <= 'f') digit = (c | 0x20) - 'a' + 10;
    if (digit < 0) break;
    number =
        std::min<uint64_t>(number * (is_hex ? 16 : 10) + static_cast<uint64_t>(digit), 1 << 30);
  }
  if (end == digits) return false;
  if (end < text.size() && text[end] == ';') ++end;
  at = end;
  if (number >= 0x80 && number <= 0x9F) {
    append_code_point(out, kWindows1252[number - 0x80]);
  } else if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) {
    append_code_point(out, 0xFFFD);
  } else {
    const bool is_invalid = (number >= 1 && number <= 8) || (number >= 0x0E && number <= 0x1F) ||
                            number == 0x0B || number == 0x7F ||
                            (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
    if (!is_invalid) append_code_point(out, static_cast<char32_t>(number));
  }
  return true;
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

// Parses an address from the left.
class UrlReader {
 public:
  explicit UrlReader(std::string_view text) : points_(to_code_points(text)) {}

  // jinja2.utils._http_re, case-insensitive.
  bool matches() const {
    for (const std::u32string_view scheme : {U"https://", U"http://", U"www."}) {
      const size_t at = after(0, scheme);
      if (at == kNone) continue;
      if (matches_domain(at)) return true;
      if (scheme != U"www." && matches_number(at)) return true;
    }
    return matches_plain_domain();
  }

 private:
  static constexpr size_t kNone = std::u32string::npos;

  static char32_t small(char32_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
  static bool is_domain_char(char32_t c) { return is_word(c) || c == '%' || c == '-'; }
  static bool is_letter(char32_t c) { return small(c) >= 'a' && small(c) <= 'z'; }

  size_t after(size_t at, std::u32string_view text) const {
    if (points_.size() < at + text.size()) return kNone;
    for (size_t i = 0; i < text.size(); ++i) {
      if (small(points_[at + i]) != text[i]) return kNone;
    }
    return at + text.size();
  }

  bool ends_address(size_t at) const {
    if (at < points_.size() && points_[at] == ':') {
      size_t digits = at + 1;
      while (digits < points_.size() && digits < at + 6 && is_decimal(points_[digits])) ++digits;
      for (size_t end = digits; end > at + 1; --end) {
        if (ends_path(end)) return true;
      }
    }
    return ends_path(at);
  }
  bool ends_path(size_t at) const {
    if (at == points_.size()) return true;
    if (at + 1 == points_.size() && points_[at] == '\n') return true;
    return points_[at] == '/' || points_[at] == '?' || points_[at] == '#';
  }

  // (label.)* then a top-level domain of 2 to 63 letters, or xn--.
  bool matches_domain(size_t at) const {
    while (true) {
      if (matches_top_level(at)) return true;
      size_t label = at;
      while (label < points_.size() && is_domain_char(points_[label])) ++label;
      if (label == at || label >= points_.size() || points_[label] != '.') return false;
      at = label + 1;
    }
  }
  bool matches_top_level(size_t at) const {
    size_t end = at;
    while (end < points_.size() && end < at + 63 && is_letter(points_[end])) {
      ++end;
      if (end >= at + 2 && ends_address(end)) return true;
    }
    const size_t idna = after(at, U"xn--");
    if (idna == kNone) return false;
    end = idna;
    while (end < points_.size() && end < idna + 59 &&
           (is_word(points_[end]) || points_[end] == '%')) {
      ++end;
      if (end >= idna + 2 && ends_address(end)) return true;
    }
    return false;
  }

  bool matches_plain_domain() const {
    size_t at = 0;
    bool has_label = false;
    while (true) {
      if (has_label) {
        for (const std::u32string_view top :
             {U"com", U"net", U"int", U"edu", U"gov", U"org", U"info", U"mil"}) {
          const size_t end = after(at, top);
          if (end != kNone && ends_address(end)) return true;
        }
      }
      size_t label = at;
      while (label < points_.size() && is_domain_char(points_[label])) ++label;
      const size_t size = label - at;
      if (size < 2 || size > 63 || label >= points_.size() || points_[label] != '.') return false;
      has_label = true;
      at = label + 1;
    }
  }

  bool matches_number(size_t at) const {
    size_t place = at;
    for (int part = 0; part < 4; ++part) {
      if (part > 0) {
        if (place >= points_.size() || points_[place] != '.') break;
        ++place;
      }
      size_t digits = place;
      while (digits < points_.size() && digits < place + 3 && is_decimal(points_[digits])) ++digits;
      if (digits == place) break;
      place = digits;
      if (part == 3 && ends_address(place)) return true;
    }
    if (at >= points_.size() || points_[at] != '[') return false;
    // ([0-9a-f]{0,4}:){2}([0-9a-f]{0,4}:?){1,6}]
    const size_t close = points_.find(U']', at);
    if (close == kNone || !ends_address(close + 1)) return false;
    size_t colons = 0;
    size_t run = 0;
    size_t groups = 0;
    for (size_t i = at + 1; i < close; ++i) {
      const char32_t c = small(points_[i]);
      if (c == ':') {
        ++colons;
        run = 0;
        ++groups;
      } else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
        if (++run > 4) {
          if (colons < 2) return false;
          run = 1;
          ++groups;
        }
      } else {
        return false;
      }
    }
    return colons >= 2 && groups <= 8;
  }

  std::u32string points_;
};

// jinja2.utils._email_re: \S+@\w[\w.-]*\.\w+
bool is_email(std::string_view text) {
  std::u32string points = to_code_points(text);
  if (!points.empty() && points.back() == '\n') points.pop_back();
  for (size_t at = points.find(U'@'); at != std::u32string::npos; at = points.find(U'@', at + 1)) {
    if (at == 0) continue;
    if (std::any_of(points.begin(), points.begin() + static_cast<ptrdiff_t>(at), is_space)) {
      return false;
    }
    const std::u32string_view domain = std::u32string_view(points).substr(at + 1);
    if (domain.empty() || !is_word(domain[0])) continue;
    const size_t dot = domain.rfind(U'.');
    if (dot == std::u32string_view::npos || dot == 0 || dot + 1 == domain.size()) continue;
    const auto is_part = [](char32_t c) { return is_word(c) || c == '.' || c == '-'; };
    const auto last = domain.substr(dot + 1);
    const auto first = domain.substr(0, dot);
    if (std::all_of(first.begin(), first.end(), is_part) &&
        std::all_of(last.begin(), last.end(), is_word)) {
      return true;
    }
  }
  return false;
}

std::string first_code_points(const std::string& text, int64_t limit) {
  if (limit < 0 || static_cast<int64_t>(count_code_points(text)) <= limit) return text;
  return text.substr(0, byte_offset(text, static_cast<size_t>(limit))) + "...";
}

std::string urlize_word(const std::string& word, const UrlizeOptions& options) {
  std::string head;
  std::string middle = word;
  std::string tail;
  const auto take_head = [&](std::string_view part) {
    if (!std::string_view(middle).starts_with(part)) return false;
    head += part;
    middle.erase(0, part.size());
    return true;
  };
  while (take_head("(") || take_head("<") || take_head("&lt;")) {
  }
  const auto take_tail = [&](std::string_view part) {
    if (!std::string_view(middle).ends_with(part)) return false;
    tail.insert(0, part);
    middle.erase(middle.size() - part.size());
    return true;
  };
  while (take_tail(")") || take_tail(">") || take_tail(".") || take_tail(",") || take_tail("\n") ||
         take_tail("&gt;")) {
  }
  constexpr std::pair<std::string_view, std::string_view> kBrackets[] = {
      {"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
  for (const auto& [open, close] : kBrackets) {
    const size_t opened = count_of(middle, open);
    if (opened <= count_of(middle, close)) continue;
    for (size_t i = std::min(opened, count_of(tail, close)); i > 0; --i) {
      const size_t end = tail.find(close) + close.size();
      middle += tail.substr(0, end);
      tail.erase(0, end);
    }
  }
  const std::string rel = options.rel.empty() ? "" : " rel=\"" + escape_html(options.rel) + "\"";
  const std::string target =
      options.target.empty() ? "" : " target=\"" + escape_html(options.target) + "\"";
  const std::string_view text = middle;
  if (UrlReader(middle).matches()) {
    const bool has_scheme = text.starts_with("https://") || text.starts_with("http://");
    middle = "<a href=\"" + std::string(has_scheme ? "" : "https://") + middle + "\"" + rel +
             target + ">" + first_code_points(middle, options.trim_limit) + "</a>";
  } else if (text.starts_with("mailto:") && is_email(text.substr(7))) {
    middle = "<a href=\"" + middle + "\">" + middle.substr(7) + "</a>";
  } else if (text.find('@') != std::string_view::npos && !text.starts_with("www.") &&
             !text.starts_with("@") && text.find(':') == std::string_view::npos && is_email(text)) {
    middle = "<a href=\"mailto:" + middle + "\">" + middle + "</a>";
  } else {
    for (const std::string& scheme : options.extra_schemes) {
      if (middle != scheme && middle.starts_with(scheme)) {
        middle = "<a href=\"" + middle + "\"" + rel + target + ">" + middle + "</a>";
      }
    }
  }
  return head + middle + tail;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escape_soft(const Value& text) {
  return text.is_markup() ? text.bytes() : escape_html(text.bytes());
}

std::string escape_value(Runtime& runtime, const Value& value) {
  if (value.is_text()) {
    runtime.charge(value.bytes().size());
    return escape_soft(value);
  }
  return escape_html(str(runtime, value));
}

std::string strip_tags(std::string_view html) {
  std::string text;
  size_t at = 0;
  while (true) {
    const size_t start = html.find('<', at);
    if (start == std::string_view::npos) break;
    const bool is_comment = html.substr(start).starts_with("<!--");
    const size_t end = is_comment ? html.find("-->", start + 4) : html.find('>', start);
    if (end == std::string_view::npos) break;
    text += html.substr(at, start - at);
    at = end + (is_comment ? 3 : 1);
  }
  text += html.substr(at);
  std::string collapsed;
  std::string_view rest = strip_spaces(text, true, true);
  for (size_t place = 0; place < rest.size();) {
    const size_t start = place;
    const char32_t c = decode_at(rest, place);
    if (!is_space(c)) {
      collapsed += rest.substr(start, place - start);
    } else if (!collapsed.ends_with(' ')) {
      collapsed += ' ';
    }
  }
  return unescape_html(collapsed);
}

std::string unescape_html(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '&') {
      out += text[at++];
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == '#' && unescape_number(text, at, out)) continue;
    size_t end = at + 1;
    while (end < text.size() && end < at + 33 &&
           (is_ascii_letter(text[end]) || is_ascii_number(text[end]))) {
      ++end;
    }
    const std::string_view name = text.substr(at + 1, end - at - 1);
    const auto* found = std::find_if(std::begin(kEntities),
                                     std::end(kEntities),
                                     [&](const auto& entity) { return entity.first == name; });
    if (end < text.size() && text[end] == ';' && found != std::end(kEntities)) {
      append_code_point(out, found->second);
      at = end + 1;
    } else if (name.empty()) {
      out += text[at++];
    } else {
      unsupported("the HTML entity &" + std::string(name) + " is not supported");
    }
  }
  return out;
}

std::string urlize(std::string_view text, const UrlizeOptions& options) {
  std::string out;
  std::string word;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    if (is_space(decode_at(text, at))) {
      out += urlize_word(word, options);
      word.clear();
      out += text.substr(start, at - start);
    } else {
      word += text.substr(start, at - start);
    }
  }
  return out + urlize_word(word, options);
}

}  // namespace retmask::jinja
