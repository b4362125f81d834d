#include "retmask/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace retmask {
namespace {

struct Step {
  bool valid;
  size_t size;  // of the character or the ill-formed part
};

// Table 3-7 of the Unicode standard: valid second bytes for each first byte.
struct SecondByte {
  size_t size;  // of the whole character; 0: invalid first byte
  unsigned char low;
  unsigned char high;
};

SecondByte allowed_second_byte(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (lead >= 0xE1 && lead <= 0xEF) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};  // nothing above U+10FFFF
  return {0, 0, 0};
}

Step step_at(std::string_view bytes, size_t at) {
  const auto lead = static_cast<unsigned char>(bytes[at]);
  if (lead < 0x80) return {true, 1};
  const SecondByte second = allowed_second_byte(lead);
  if (second.size == 0) return {false, 1};
  for (size_t i = 1; i < second.size; ++i) {
    const unsigned char low = i == 1 ? second.low : 0x80;
    const unsigned char high = i == 1 ? second.high : 0xBF;
    if (at + i == bytes.size()) return {false, i};
    const auto byte = static_cast<unsigned char>(bytes[at + i]);
    if (byte < low || byte > high) return {false, i};
  }
  return {true, second.size};
}

size_t skip_ascii(std::string_view bytes, size_t at) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  while (at + sizeof(uint64_t) <= bytes.size()) {
    uint64_t eight = 0;
    std::memcpy(&eight, bytes.data() + at, sizeof eight);
    if ((eight & kHighBits) != 0) break;
    at += sizeof eight;
  }
  while (at < bytes.size() && static_cast<unsigned char>(bytes[at]) < 0x80) ++at;
  return at;
}

}  // namespace

size_t find_invalid_utf8(std::string_view bytes) {
  for (size_t at = skip_ascii(bytes, 0); at < bytes.size(); at = skip_ascii(bytes, at)) {
    const Step step = step_at(bytes, at);
    if (!step.valid) return at;
    at += step.size;
  }
  return std::string_view::npos;
}

std::string lossy_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const Step step = step_at(bytes, at);
    if (step.valid) {
      out.append(bytes.substr(at, step.size));
    } else {
      out += "\uFFFD";
    }
    at += step.size;
  }
  return out;
}

}  // namespace retmask
