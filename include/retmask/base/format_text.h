#pragma once
// Numbers in messages.

#include <string>

namespace retmask {

// printf into a string. user_error and RETMASK_CHECK take parts instead.
[[gnu::format(printf, 1, 2)]] std::string format_text(const char* format, ...);

}  // namespace retmask
