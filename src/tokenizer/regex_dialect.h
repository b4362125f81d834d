#pragma once
// From Oniguruma's dialect of regular expressions to PCRE2's.

#include <string>

namespace retmask::text {

// The pattern for PCRE2 (with UTF and UCP). What both read alike stays; \p{Han} becomes \p{sc:Han}
// (PCRE2 would also take characters that Han texts share with others). Throws UserError, naming
// `where`, for what they read differently.
std::string oniguruma_to_pcre(const std::string& pattern, const std::string& where);

}  // namespace retmask::text
