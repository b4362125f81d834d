#include <algorithm>

#include "prompt_record.h"
#include "retmask/base/error.h"

namespace retmask::synthesize {
namespace {

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

void check_range(const std::string& what, int64_t least, int64_t most) {
  if (least < 0) user_error("--min-", what, " is ", least, ", expected at least 0");
  if (most < 0) user_error("--max-", what, " is ", most, ", expected 1 or more, or 0 for any");
  if (most > 0 && least > most) {
    user_error("--min-", what, " ", least, " is more than --max-", what, " ", most);
  }
}

[[noreturn]] void field_is_missing(const std::string& option,
                                   const std::string& field,
                                   int64_t rows) {
  user_error(option, ": none of the ", rows, " rows of --prompts has the field ", field);
}

}  // namespace

void PromptFilters::validate() const {
  check_range("turns", min_turns, max_turns);
  check_range("prompt-tokens", min_tokens, max_tokens);
}

bool RecordFilter::is_wanted_language(const PromptRecord& record) const {
  if (filters_.languages.empty()) return true;
  if (!record.language) return false;
  return std::ranges::any_of(filters_.languages, [&](const std::string& language) {
    return lower_case(language) == lower_case(*record.language);
  });
}

std::optional<SkipReason> RecordFilter::look_at(const PromptRecord& record) {
  saw_language_ = saw_language_ || record.language.has_value();
  saw_redacted_ = saw_redacted_ || record.redacted.has_value();
  saw_toxic_ = saw_toxic_ || record.toxic.has_value();
  if (!record.messages) return SkipReason::blank;
  if (!is_wanted_language(record)) return SkipReason::language;
  if (filters_.exclude_redacted && record.redacted.value_or(false)) return SkipReason::redacted;
  if (filters_.exclude_toxic && record.toxic.value_or(false)) return SkipReason::toxic;
  const bool too_few = record.user_turns < filters_.min_turns;
  const bool too_many = filters_.max_turns > 0 && record.user_turns > filters_.max_turns;
  if (too_few || too_many) return SkipReason::turns;
  return std::nullopt;
}

void RecordFilter::check_fields(int64_t rows) const {
  if (!filters_.languages.empty() && !saw_language_) {
    field_is_missing("--language", "\"language\"", rows);
  }
  if (filters_.exclude_redacted && !saw_redacted_) {
    field_is_missing("--exclude-redacted", "\"redacted\"", rows);
  }
  if (filters_.exclude_toxic && !saw_toxic_) {
    field_is_missing("--exclude-toxic", "\"toxic\" or \"openai_moderation\"", rows);
  }
}

}  // namespace retmask::synthesize
