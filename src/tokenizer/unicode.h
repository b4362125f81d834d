#pragma once
// Character classes as Rust and Oniguruma see them, which is what Hugging Face's tokenizers use.
// Their Unicode tables are newer than Debian's ICU and PCRE2, so what those do not know yet is
// filled in here.

#include <string>
#include <string_view>

namespace retmask::text {

// Unicode property White_Space.
bool is_white_space(char32_t c);
// Categories Nd, Nl, No.
bool is_numeric(char32_t c);
// Rust's regex \w: letters, marks, decimal digits, connectors and joiners.
bool is_word(char32_t c);

// Each character by itself, without context (no final sigma), as Rust's char::to_lowercase.
std::string lowercase(std::string_view text);

// `text` for PCRE2: characters that it would class otherwise than Oniguruma does are replaced by
// ones of the right class and of the same length in UTF-8, so that offsets stay. Returns `text`
// itself when there is none, else a view of `storage`.
std::string_view with_known_code_points(std::string_view text, std::string& storage);

}  // namespace retmask::text
