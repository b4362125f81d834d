#pragma once
// Character classes of Rust and Oniguruma, as used by Hugging Face's tokenizers. Their Unicode
// tables are newer than those of Debian's ICU and PCRE2; the newer characters are added here.

#include <string>
#include <string_view>

namespace retmask::text {

// Unicode property White_Space.
bool is_white_space(char32_t c);
// Categories Nd, Nl, No.
bool is_numeric(char32_t c);
// Categories Mn, Mc, Me.
bool is_mark(char32_t c);
// Rust's regex \w: letters, marks, decimal digits, connectors and joiners.
bool is_word(char32_t c);

// Each character by itself, without context (no final sigma), like Rust's char::to_lowercase.
std::string lowercase(std::string_view text);

// `text` for PCRE2: characters that PCRE2 classifies differently from Oniguruma are replaced by
// characters of the right class and the same UTF-8 length, so offsets do not change. Returns `text`
// itself if there are none, otherwise a view of `storage`.
std::string_view with_known_code_points(std::string_view text, std::string& storage);

}  // namespace retmask::text
