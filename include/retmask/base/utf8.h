#pragma once
// Whether bytes are UTF-8.

#include <cstddef>
#include <string>
#include <string_view>

namespace retmask {

// Where the first byte that is no part of valid UTF-8 stands; npos when all is valid.
size_t find_invalid_utf8(std::string_view bytes);

// Replaces each ill-formed part by one U+FFFD. A part is the longest start of a character that
// could have gone on, or else a single byte: what Rust's String::from_utf8_lossy and Python's
// errors="replace" do.
std::string lossy_utf8(std::string_view bytes);

}  // namespace retmask
