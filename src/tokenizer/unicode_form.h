#pragma once
// Unicode normalization forms, by ICU.

#include <optional>
#include <string>
#include <string_view>

namespace retmask::text {

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

// "NFC", "NFD", "NFKC", "NFKD".
std::optional<UnicodeForm> unicode_form(std::string_view name);

// By the tables of Unicode 9, as in Hugging Face's normalizers: later characters are unchanged.
void to_unicode_form(UnicodeForm form, std::string& text);

}  // namespace retmask::text
