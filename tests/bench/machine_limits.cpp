#include "machine_limits.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <vector>

#include "retmask/kernels/matmul.h"

namespace retmask::bench {
namespace {

double best_seconds(int runs, const std::function<void()>& function) {
  double best = 1e9;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    function();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

double measure_bandwidth() {
  constexpr int64_t kBytes = int64_t{512} << 20;  // far more than any cache
  std::vector<uint64_t> memory(kBytes / sizeof(uint64_t), 1);
  std::atomic<uint64_t> sum{0};
  const double seconds = best_seconds(5, [&] {
    at::parallel_for(
        0, static_cast<int64_t>(memory.size()), 1 << 20, [&](int64_t begin, int64_t end) {
          uint64_t part = 0;
          for (int64_t i = begin; i < end; ++i) part += memory[static_cast<size_t>(i)];
          sum += part;
        });
  });
  return static_cast<double>(kBytes) / seconds;
}

template <typename Element>
double measure_flops() {
  constexpr int64_t kRows = 64;
  constexpr int64_t kSize = 480;  // 450 KiB of bfloat16: a core's own cache
  constexpr int64_t kRepeats = 200;
  const std::vector<Element> x(kRows * kSize);
  const std::vector<Element> packed(kernels::packed_size(kSize, kSize));
  const int64_t threads = at::get_num_threads();
  std::vector<std::vector<Element>> out(threads, std::vector<Element>(kRows * kSize));
  const double seconds = best_seconds(5, [&] {
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t thread = begin; thread < end; ++thread) {
        const kernels::Matmul<Element, Element> matmul{.x = x.data(),
                                                       .x_stride = kSize,
                                                       .rows = kRows,
                                                       .k = kSize,
                                                       .n = kSize,
                                                       .packed = packed.data(),
                                                       .out = out[thread].data(),
                                                       .out_stride = kSize};
        for (int64_t i = 0; i < kRepeats; ++i)
          kernels::run_matmul(matmul, 0, kRows, 0, kernels::num_panels(kSize));
      }
    });
  });
  return 2.0 * kRows * kSize * kSize * kRepeats * static_cast<double>(threads) / seconds;
}

}  // namespace

MachineLimits measure_limits(torch::ScalarType dtype) {
  return {.bytes_per_second = measure_bandwidth(),
          .flop_per_second = dtype == torch::kBFloat16 ? measure_flops<kernels::BFloat16>()
                                                       : measure_flops<float>()};
}

}  // namespace retmask::bench
