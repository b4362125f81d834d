#pragma once
// A sliding window in flash attention's form: keys to the left and to the right of the query.

#include <cstdint>
#include <optional>

namespace retmask {

struct FlashWindow {
  explicit FlashWindow(std::optional<int64_t> sliding_window) {
    if (!sliding_window) return;
    left = *sliding_window - 1;
    right = 0;
  }
  std::optional<int64_t> left;
  std::optional<int64_t> right;
};

}  // namespace retmask
