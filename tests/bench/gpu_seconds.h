#pragma once
// Times work on the GPU.

#include <torch/cuda.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace retmask::bench {

// Median of `runs` runs, after two warm-up runs; the GPU is idle before and after each.
inline double median_gpu_seconds(int runs, const std::function<void()>& work) {
  constexpr int kWarmUps = 2;
  std::vector<double> seconds;
  for (int i = 0; i < kWarmUps + runs; ++i) {
    torch::cuda::synchronize();
    const auto start = std::chrono::steady_clock::now();
    work();
    torch::cuda::synchronize();
    if (i >= kWarmUps) {
      seconds.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

}  // namespace retmask::bench
