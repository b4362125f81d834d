#include "wrap.h"

#include <algorithm>

#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

using Points = std::u32string;

// textwrap splits only at ASCII white space.
bool is_ascii_space(char32_t c) { return c == ' ' || (c >= 0x09 && c <= 0x0D); }
bool is_letter(char32_t c) { return is_word(c) && !is_decimal(c); }
bool is_word_or_mark(char32_t c) {
  return is_word(c) || std::u32string_view(U"!\"'&.,?").find(c) != std::u32string_view::npos;
}

// Splits text into words and separators, optionally at hyphens.
class Splitter {
 public:
  explicit Splitter(const Points& text) : text_(text) {}

  std::vector<Points> at_spaces() const {
    std::vector<Points> chunks;
    for (size_t at = 0; at < text_.size();) {
      size_t end = at;
      while (end < text_.size() && is_ascii_space(text_[end]) == is_ascii_space(text_[at])) ++end;
      chunks.push_back(text_.substr(at, end - at));
      at = end;
    }
    return chunks;
  }

  std::vector<Points> at_hyphens() const {
    std::vector<Points> chunks;
    for (size_t at = 0; at < text_.size();) {
      const size_t end = end_of_chunk(at);
      chunks.push_back(text_.substr(at, end - at));
      at = end;
    }
    return chunks;
  }

 private:
  bool has(size_t at) const { return at < text_.size(); }

  size_t end_of_hyphens(size_t at) const {
    while (has(at) && text_[at] == '-') ++at;
    return at;
  }

  // Whether a dash of hyphens between two words starts here.
  bool is_dash(size_t at) const {
    if (at == 0 || !is_word_or_mark(text_[at - 1])) return false;
    const size_t end = end_of_hyphens(at);
    return end >= at + 2 && has(end) && is_word(text_[end]);
  }

  // "well-|known": two letters (or letter, hyphen, letter) before the hyphen at `at`, and letters
  // after it.
  bool breaks_after_hyphen(size_t at) const {
    const bool two_letters = at >= 2 && is_letter(text_[at - 1]) && is_letter(text_[at - 2]);
    const bool letter_hyphen_letter =
        at >= 3 && is_letter(text_[at - 1]) && text_[at - 2] == '-' && is_letter(text_[at - 3]);
    if (!two_letters && !letter_hyphen_letter) return false;
    if (!has(at + 1) || !is_letter(text_[at + 1])) return false;
    size_t next = at + 2;
    if (has(next) && text_[next] == '-') ++next;
    return (has(next) && is_letter(text_[next])) || (has(at + 2) && is_letter(text_[at + 2]));
  }

  size_t end_of_chunk(size_t start) const {
    if (is_ascii_space(text_[start])) {
      size_t end = start;
      while (has(end) && is_ascii_space(text_[end])) ++end;
      return end;
    }
    if (is_dash(start)) return end_of_hyphens(start);
    for (size_t at = start + 1;; ++at) {
      if (has(at) && text_[at] == '-' && breaks_after_hyphen(at)) return at + 1;
      if (!has(at) || is_ascii_space(text_[at])) return at;
      if (is_dash(at)) return at;
    }
  }

  const Points& text_;
};

bool is_blank(const Points& chunk) { return std::all_of(chunk.begin(), chunk.end(), is_space); }

}  // namespace

std::vector<std::string> wrap_line(std::string_view line, const WrapOptions& options) {
  const Points text = to_code_points(line);
  const Splitter splitter(text);
  std::vector<Points> chunks =
      options.break_on_hyphens ? splitter.at_hyphens() : splitter.at_spaces();
  std::reverse(chunks.begin(), chunks.end());
  std::vector<std::string> lines;
  while (!chunks.empty()) {
    std::vector<Points> current;
    int64_t length = 0;
    if (is_blank(chunks.back()) && !lines.empty()) chunks.pop_back();
    while (!chunks.empty()) {
      const auto size = static_cast<int64_t>(chunks.back().size());
      if (length + size > options.width) break;
      length += size;
      current.push_back(std::move(chunks.back()));
      chunks.pop_back();
    }
    if (!chunks.empty() && static_cast<int64_t>(chunks.back().size()) > options.width) {
      if (options.break_long_words) {
        Points& chunk = chunks.back();
        auto end = static_cast<size_t>(options.width - length);
        if (options.break_on_hyphens && chunk.size() > end && end > 0) {
          const size_t hyphen = chunk.rfind(U'-', end - 1);
          if (hyphen != Points::npos && hyphen > 0 &&
              chunk.substr(0, hyphen).find_first_not_of(U'-') != Points::npos) {
            end = hyphen + 1;
          }
        }
        current.push_back(chunk.substr(0, end));
        chunk.erase(0, end);
      } else if (current.empty()) {
        current.push_back(std::move(chunks.back()));
        chunks.pop_back();
      }
    }
    if (!current.empty() && is_blank(current.back())) current.pop_back();
    if (current.empty()) continue;
    std::string out;
    for (const Points& chunk : current) out += to_utf8(chunk);
    lines.push_back(std::move(out));
  }
  return lines;
}

}  // namespace retmask::jinja
