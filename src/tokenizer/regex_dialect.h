#pragma once
// Translates Oniguruma regular expressions to PCRE2.

#include <string>

namespace retmask::text {

// The pattern for PCRE2 (with UTF and UCP). Constructs with the same meaning are unchanged; \p{Han}
// becomes \p{sc:Han} (PCRE2 would also match characters that Han texts share with others). Throws
// UserError, naming `where`, for constructs whose meaning differs.
std::string oniguruma_to_pcre(const std::string& pattern, const std::string& where);

}  // namespace retmask::text
