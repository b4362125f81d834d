#include "regular_expression.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cctype>

#include "regex_dialect.h"
#include "retmask/base/error.h"
#include "unicode.h"
#include "utf8.h"

namespace retmask::text {
namespace {

std::string pcre_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

PCRE2_SPTR as_pcre(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

Regex Regex::compile(const std::string& pattern, const std::string& where) {
  const std::string translated = oniguruma_to_pcre(pattern, where);
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);  // "." stops only at \n
  // UTF and UCP: match characters instead of bytes, and \s, \d by Unicode properties.
  pcre2_code* code = pcre2_compile(as_pcre(translated),
                                   translated.size(),
                                   PCRE2_UTF | PCRE2_UCP,
                                   &error,
                                   &offset,
                                   context.get());
  if (code == nullptr) {
    user_error(where, ": the regular expression ", pattern, " is not valid: ", pcre_message(error));
  }
  // If the system forbids JIT, matching uses the interpreter, which is only slower.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return {std::shared_ptr<pcre2_code>(code, pcre2_code_free), where};
}

Regex Regex::literal(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) == 0) {
      pattern += '\\';
    }
    pattern += c;
  }
  return compile(pattern, "a literal text");
}

RegexSearch::RegexSearch(const Regex& regex)
    : code_(regex.code_),
      where_(regex.where_),
      match_data_(pcre2_match_data_create(/*ovecsize=*/1, nullptr)) {
  RETMASK_CHECK(match_data_ != nullptr);
}

RegexSearch::~RegexSearch() { pcre2_match_data_free(match_data_); }

void RegexSearch::start(std::string_view text) {
  text_ = with_known_code_points(text, storage_);
  position_ = 0;
  last_end_.reset();
}

int RegexSearch::match(uint32_t options) const {
  return pcre2_match(code_.get(),
                     as_pcre(text_),
                     text_.size(),
                     position_,
                     PCRE2_NO_UTF_CHECK | options,
                     match_data_,
                     nullptr);
}

std::optional<RegexSearch::Match> RegexSearch::next() {
  while (position_ <= text_.size()) {
    int result = match(0);
    // The interpreter's stack can grow; that of JIT-compiled code cannot.
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) {
      user_error(where_,
                 ": the regular expression cannot be matched against a text of ",
                 text_.size(),
                 " bytes: ",
                 pcre_message(result));
    }
    // 0: more groups than the match data holds.
    const PCRE2_SIZE* found = pcre2_get_ovector_pointer(match_data_);
    const Match match{found[0], found[1]};
    if (match.begin == match.end && last_end_ == match.end) {
      position_ +=
          position_ < text_.size() ? utf8_size(static_cast<unsigned char>(text_[position_])) : 1;
      continue;
    }
    position_ = match.end;
    last_end_ = match.end;
    return match;
  }
  position_ = text_.size() + 1;
  return std::nullopt;
}

}  // namespace retmask::text
