#pragma once
// Inline UTF-8 helpers: the tokenizer's inner loops process single bytes and cannot afford a
// library call for each.

#include <cstddef>
#include <string>
#include <string_view>

#include "retmask/base/utf8.h"

namespace retmask::text {

// Length of the character that starts with `lead`, a first byte of valid UTF-8.
inline size_t utf8_size(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xE0) return 2;
  return lead < 0xF0 ? 3 : 4;
}

// The character at `at`, which is advanced past it. `text` must be valid UTF-8 and `at` the start
// of a character.
inline char32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  const size_t size = utf8_size(lead);
  char32_t code_point = size == 1 ? lead : lead & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) code_point = code_point << 6 | (byte(i) & 0x3F);
  at += size;
  return code_point;
}

// The character that ends at `end` (> 0), which is moved back to its start.
inline char32_t previous_code_point(std::string_view text, size_t& end) {
  do {
    --end;
  } while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  size_t at = end;
  return next_code_point(text, at);
}

void append_utf8(std::string& out, char32_t code_point);

// Number of characters in valid UTF-8.
size_t count_code_points(std::string_view text);

using retmask::find_invalid_utf8;
using retmask::lossy_utf8;

}  // namespace retmask::text
