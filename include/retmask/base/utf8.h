#pragma once
// UTF-8 validation and repair.

#include <cstddef>
#include <string>
#include <string_view>

namespace retmask {

// Offset of the first byte that is not part of valid UTF-8; npos if all is valid.
size_t find_invalid_utf8(std::string_view bytes);

// Replaces each ill-formed part by one U+FFFD. A part is the longest prefix of a valid character,
// or else a single byte, as in Rust's String::from_utf8_lossy and Python's errors="replace".
std::string lossy_utf8(std::string_view bytes);

}  // namespace retmask
