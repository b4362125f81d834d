#pragma once
// Time breakdown of a forward call, for benchmarks.

#include <chrono>

namespace retmask {

struct StepTimes {
  double linear = 0.0;     // seconds in matrix products with the weights
  double attention = 0.0;  // in rotation, cache and attention
};

// Adds the time of its scope to `seconds`; null costs nothing.
class ScopedTimer {
 public:
  explicit ScopedTimer(double* seconds) : seconds_(seconds) {
    if (seconds_ != nullptr) start_ = std::chrono::steady_clock::now();
  }
  ~ScopedTimer() {
    if (seconds_ == nullptr) return;
    *seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  ScopedTimer(const ScopedTimer&) = delete;
  ScopedTimer& operator=(const ScopedTimer&) = delete;

 private:
  double* seconds_;
  std::chrono::steady_clock::time_point start_ = {};
};

}  // namespace retmask
