#include "byte_level.h"

#include "utf8.h"

namespace retmask::text {
namespace {

constexpr size_t kCharacters = 0x144;  // one past the last character that represents a byte
constexpr int kNoByte = -1;

bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

std::array<int, kCharacters> make_character_to_byte() {
  std::array<int, kCharacters> bytes{};
  bytes.fill(kNoByte);
  size_t next_free = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    bytes[stands_for_itself(byte) ? static_cast<size_t>(byte) : next_free++] = byte;
  }
  return bytes;
}

const std::array<int, kCharacters>& character_to_byte() {
  static const std::array<int, kCharacters> bytes = make_character_to_byte();
  return bytes;
}

std::array<std::string, 256> make_characters() {
  std::array<std::string, 256> characters;
  for (size_t c = 0; c < kCharacters; ++c) {
    const int byte = character_to_byte()[c];
    if (byte != kNoByte)
      append_utf8(characters[static_cast<size_t>(byte)], static_cast<char32_t>(c));
  }
  return characters;
}

}  // namespace

const std::array<std::string, 256>& byte_level_characters() {
  static const std::array<std::string, 256> characters = make_characters();
  return characters;
}

std::optional<std::string> byte_level_to_bytes(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const char32_t c = next_code_point(token, at);
    if (c >= kCharacters || character_to_byte()[c] == kNoByte) return std::nullopt;
    bytes += static_cast<char>(character_to_byte()[c]);
  }
  return bytes;
}

}  // namespace retmask::text
