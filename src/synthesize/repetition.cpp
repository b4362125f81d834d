#include "repetition.h"

#include <algorithm>
#include <string>
#include <vector>

namespace retmask::synthesize {
namespace {

constexpr size_t kCopies = 3;
constexpr size_t kLeastBytes = 300;

// result[i]: length of the longest common prefix of the text and its suffix at i.
std::vector<size_t> z_function(std::string_view text) {
  std::vector<size_t> common(text.size(), 0);
  size_t left = 0;
  size_t right = 0;  // [left, right) is known to equal the start of the text
  for (size_t i = 1; i < text.size(); ++i) {
    if (i < right) common[i] = std::min(right - i, common[i - left]);
    while (i + common[i] < text.size() && text[common[i]] == text[i + common[i]]) ++common[i];
    if (i + common[i] > right) {
      left = i;
      right = i + common[i];
    }
  }
  return common;
}

}  // namespace

bool repeats_at_the_end(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n\f\v");
  if (end == std::string_view::npos) return false;
  const std::string backwards(text.rend() - static_cast<std::ptrdiff_t>(end + 1), text.rend());
  const std::vector<size_t> common = z_function(backwards);
  // If the reversed text matches itself shifted by `period` for n bytes, the text ends in n +
  // period bytes of a loop.
  for (size_t period = 1; period * kCopies <= backwards.size(); ++period) {
    if (period + common[period] >= std::max(period * kCopies, kLeastBytes)) return true;
  }
  return false;
}

}  // namespace retmask::synthesize
