#pragma once
// Python's re.search for the expressions of reference implementations, run by PCRE2.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct pcre2_real_code_8;

namespace retmask::metrics {

struct PatternMatch {
  std::vector<std::string_view>
      groups;  // of the searched text; empty for one that did not take part
  size_t begin;
  size_t end;
  std::string_view text(size_t group) const { return groups[group]; }
};

// As in Python, \s, \d, \w and \b are Unicode's, $ also matches before a final line break, and the
// dot matches anything but one. (?i:...) ignores case.
class Pattern {
 public:
  explicit Pattern(std::string_view expression);

  // First match at or behind the byte `from`. `text` must outlive the match.
  std::optional<PatternMatch> find(std::string_view text, size_t from = 0) const;
  // The group of the last match of re.finditer(); nullopt without a match.
  std::optional<std::string_view> find_last(std::string_view text, size_t group) const;
  // re.sub(): each match becomes what `replacement` returns.
  std::string replace(
      std::string_view text,
      const std::function<std::string(const PatternMatch& match)>& replacement) const;

 private:
  // Calls `visit` for each match of re.finditer().
  template <typename Visit>
  void for_each(std::string_view text, const Visit& visit) const;

  std::shared_ptr<pcre2_real_code_8> code_;
};

}  // namespace retmask::metrics
