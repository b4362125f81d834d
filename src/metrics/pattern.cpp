#define PCRE2_CODE_UNIT_WIDTH 8
#include "pattern.h"

#include <pcre2.h>

#include "retmask/base/error.h"
#include "retmask/jinja/unicode.h"

namespace retmask::metrics {
namespace {

// PCRE2's own classes differ from Python's: \s has U+180E and lacks U+001C-001F, and \w gained
// marks in 10.43.
constexpr std::string_view kSpace =
    R"([\x09-\x0D\x1C-\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}])";
constexpr std::string_view kBoundary =
    R"((?:(?<=[\p{L}\p{N}_])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_])))";

std::string in_pcre2(std::string_view expression) {
  std::string out;
  for (size_t i = 0; i < expression.size(); ++i) {
    const std::string_view escape = expression.substr(i, 2);
    if (!escape.starts_with('\\')) {
      out += expression[i];
      continue;
    }
    out += escape == "\\s" ? kSpace : escape == "\\b" ? kBoundary : escape;
    ++i;
  }
  return out;
}

}  // namespace

Pattern::Pattern(std::string_view expression) {
  const std::string pattern = in_pcre2(expression);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                            pattern.size(),
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF,
                            &error,
                            &offset,
                            context),
              [](pcre2_code* code) { pcre2_code_free(code); });
  pcre2_compile_context_free(context);
  RETMASK_CHECK(code_ != nullptr, pattern, ", error ", error, " at ", offset);
}

std::optional<PatternMatch> Pattern::find(std::string_view text, size_t from) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create_from_pattern(code_.get(), nullptr), pcre2_match_data_free);
  const int found = pcre2_match(code_.get(),
                                reinterpret_cast<PCRE2_SPTR>(text.data()),
                                text.size(),
                                from,
                                /*options=*/0,
                                data.get(),
                                nullptr);
  if (found == PCRE2_ERROR_NOMATCH) return {};
  RETMASK_CHECK(found > 0, "PCRE2 error ", found);
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data.get());
  PatternMatch match = {{}, offsets[0], offsets[1]};
  for (uint32_t group = 0; group < pcre2_get_ovector_count(data.get()); ++group) {
    const PCRE2_SIZE begin = offsets[2 * group];
    const bool took_part = group < static_cast<uint32_t>(found) && begin != PCRE2_UNSET;
    match.groups.push_back(took_part ? text.substr(begin, offsets[2 * group + 1] - begin)
                                     : std::string_view());
  }
  return match;
}

template <typename Visit>
void Pattern::for_each(std::string_view text, const Visit& visit) const {
  for (size_t from = 0; from <= text.size();) {
    const auto match = find(text, from);
    if (!match) return;
    visit(*match);
    from = match->end;
    if (match->end > match->begin) continue;
    if (from == text.size()) return;
    jinja::decode_at(text, from);
  }
}

std::optional<std::string_view> Pattern::find_last(std::string_view text, size_t group) const {
  std::optional<std::string_view> last;
  for_each(text, [&](const PatternMatch& match) { last = match.text(group); });
  return last;
}

std::string Pattern::replace(
    std::string_view text,
    const std::function<std::string(const PatternMatch& match)>& replacement) const {
  std::string out;
  size_t done = 0;
  for_each(text, [&](const PatternMatch& match) {
    out += text.substr(done, match.begin - done);
    out += replacement(match);
    done = match.end;
  });
  return out.append(text.substr(done));
}

}  // namespace retmask::metrics
