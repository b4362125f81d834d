#include "fill.h"

#include <algorithm>
#include <optional>

namespace retmask::eval {
namespace {

struct Measured {
  int64_t size = 0;
  int64_t tokens = 0;
};

// Where the line through two measured sizes reaches the limit.
int64_t interpolate(const Measured& a, const Measured& b, int64_t limit) {
  const double tokens = static_cast<double>(b.tokens - a.tokens);
  if (tokens <= 0) return b.size;
  const double sizes = static_cast<double>(b.size - a.size);
  return a.size + static_cast<int64_t>(static_cast<double>(limit - a.tokens) * sizes / tokens);
}

}  // namespace

int64_t largest_fitting(int64_t smallest,
                        int64_t largest,
                        int64_t limit,
                        const std::function<int64_t(int64_t size)>& tokens_at) {
  const auto measure = [&](int64_t size) { return Measured{size, tokens_at(size)}; };
  Measured low = measure(smallest);  // fits
  if (low.tokens > limit) return -1;
  std::optional<Measured> high;  // does not
  const auto top = [&] { return high ? high->size : largest + 1; };
  const auto place = [&](const Measured& point) {
    if (point.tokens <= limit) {
      low = point;
    } else {
      high = point;
    }
  };

  // Sizes are nearly proportional to tokens, so that each estimate is much closer than the last.
  Measured last = low;
  int64_t next = 2 * smallest + 16;
  for (int estimates = 0; estimates < 4 && top() - low.size > 1; ++estimates) {
    const Measured point = measure(std::clamp(next, low.size + 1, top() - 1));
    place(point);
    next = interpolate(last, point, limit);
    last = point;
  }
  // The rest in steps that double, away from the last estimate, and in halves.
  for (int64_t step = 1; top() - low.size > 1; step *= 2) {
    const bool upward = last.size == low.size;
    const int64_t size = upward ? low.size + step : high->size - step;
    if (size <= low.size || size >= top()) break;
    last = measure(size);
    place(last);
    if (upward != (last.size == low.size)) break;
  }
  while (top() - low.size > 1) place(measure(low.size + (top() - low.size) / 2));
  return low.size;
}

}  // namespace retmask::eval
