#include "unicode_form.h"

#include <unicode/normalizer2.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <utility>

#include "retmask/base/error.h"

namespace retmask::text {
namespace {

constexpr std::pair<std::string_view, UnicodeForm> kFormNames[] = {{"NFC", UnicodeForm::kNfc},
                                                                   {"NFD", UnicodeForm::kNfd},
                                                                   {"NFKC", UnicodeForm::kNfkc},
                                                                   {"NFKD", UnicodeForm::kNfkd}};

const icu::Normalizer2& normalizer_of(UnicodeForm form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = nullptr;
  switch (form) {
    case UnicodeForm::kNfc:
      normalizer = icu::Normalizer2::getNFCInstance(error);
      break;
    case UnicodeForm::kNfd:
      normalizer = icu::Normalizer2::getNFDInstance(error);
      break;
    case UnicodeForm::kNfkc:
      normalizer = icu::Normalizer2::getNFKCInstance(error);
      break;
    case UnicodeForm::kNfkd:
      normalizer = icu::Normalizer2::getNFKDInstance(error);
      break;
  }
  RETMASK_CHECK(U_SUCCESS(error) && normalizer != nullptr, u_errorName(error));
  return *normalizer;
}

const icu::UnicodeSet& unicode_9_characters() {
  static const icu::UnicodeSet set = [] {
    UErrorCode error = U_ZERO_ERROR;
    icu::UnicodeSet made(icu::UnicodeString("[:age=9.0:]"), error);
    RETMASK_CHECK(U_SUCCESS(error), u_errorName(error));
    made.freeze();
    return made;
  }();
  return set;
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

}  // namespace

std::optional<UnicodeForm> unicode_form(std::string_view name) {
  for (const auto& [known, form] : kFormNames) {
    if (name == known) return form;
  }
  return std::nullopt;
}

void to_unicode_form(UnicodeForm form, std::string& text) {
  if (is_ascii(text)) return;
  const icu::Normalizer2& normalizer = normalizer_of(form);
  UErrorCode error = U_ZERO_ERROR;
  // Text that the current tables leave unchanged is unchanged under older tables too.
  const bool unchanged = normalizer.isNormalizedUTF8(text, error);
  RETMASK_CHECK(U_SUCCESS(error), u_errorName(error));
  if (unchanged) return;

  const icu::FilteredNormalizer2 unicode_9(normalizer, unicode_9_characters());
  icu::UnicodeString normal;
  unicode_9.normalize(icu::UnicodeString::fromUTF8(text), normal, error);
  RETMASK_CHECK(U_SUCCESS(error), u_errorName(error));
  text.clear();
  normal.toUTF8String(text);
}

}  // namespace retmask::text
