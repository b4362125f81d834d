#pragma once
// The byte-level alphabet: bytes as printable characters (GPT-2's bytes_to_unicode).

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace retmask::text {

// The character, in UTF-8, that represents each byte.
const std::array<std::string, 256>& byte_level_characters();

// "Ġthe" -> " the"; nullopt if a character represents no byte.
std::optional<std::string> byte_level_to_bytes(std::string_view token);

}  // namespace retmask::text
