#pragma once
// Regular expressions of tokenizer.json. They are written for Oniguruma (Ruby's dialect) and run by
// PCRE2.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;

namespace retmask::text {

class Regex {
 public:
  // Throws UserError, which names `where`, for a pattern that does not compile or uses a construct
  // whose meaning differs between the dialects (\w, \h, ^, nested classes, {1,3}+ ...).
  static Regex compile(const std::string& pattern, const std::string& where);
  // Matches `text` literally.
  static Regex literal(std::string_view text);

 private:
  friend class RegexSearch;
  Regex(std::shared_ptr<pcre2_real_code_8> code, std::string where)
      : code_(std::move(code)), where_(std::move(where)) {}

  std::shared_ptr<pcre2_real_code_8> code_;
  std::string where_;
};

// Iterates over the matches in a text; reusable for several texts. Holds scratch memory: one object
// per thread.
class RegexSearch {
 public:
  struct Match {
    size_t begin;
    size_t end;
  };

  explicit RegexSearch(const Regex& regex);
  ~RegexSearch();
  RegexSearch(const RegexSearch&) = delete;
  RegexSearch& operator=(const RegexSearch&) = delete;

  // `text` must be valid UTF-8 and outlive the search.
  void start(std::string_view text);
  // Matches in order, not overlapping. An empty match directly after another match is skipped.
  // Throws UserError, which names the pattern's location, when the search takes too many steps.
  std::optional<Match> next();

 private:
  int match(uint32_t options) const;

  std::shared_ptr<pcre2_real_code_8> code_;
  std::string where_;
  pcre2_real_match_data_8* match_data_;
  std::string storage_;
  std::string_view text_;
  size_t position_ = 0;
  std::optional<size_t> last_end_;
};

}  // namespace retmask::text
