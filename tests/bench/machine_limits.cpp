#include "machine_limits.h"

#include <ATen/Parallel.h>

#include <algorithm>
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

// Measured with the product of one row, which is bound by reading the weights.
template <typename Element>
double measure_bandwidth() {
  constexpr int64_t kBytes = int64_t{512} << 20;  // far more than any cache
  constexpr int64_t kInputs = 4096;
  constexpr int64_t kOutputs = kBytes / kInputs / static_cast<int64_t>(sizeof(Element));
  const std::vector<Element> x(kInputs);
  const std::vector<Element> packed(kernels::packed_size(kOutputs, kInputs));
  std::vector<Element> out(kOutputs);
  const kernels::Matmul<Element, Element> matmul{.x = x.data(),
                                                 .x_stride = kInputs,
                                                 .rows = 1,
                                                 .k = kInputs,
                                                 .n = kOutputs,
                                                 .packed = packed.data(),
                                                 .out = out.data(),
                                                 .out_stride = kOutputs};
  const double seconds = best_seconds(5, [&] {
    at::parallel_for(0, kernels::num_panels(kOutputs), 1, [&](int64_t begin, int64_t end) {
      kernels::run_matmul(matmul, 0, 1, begin, end);
    });
  });
  return static_cast<double>(kBytes) / seconds;
}

template <typename Element>
double measure_flops() {
  constexpr int64_t kRows = 64;
  constexpr int64_t kSize = 480;  // 450 KiB of bfloat16: fits the cache of one core
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
  if (dtype == torch::kBFloat16) {
    return {.bytes_per_second = measure_bandwidth<kernels::BFloat16>(),
            .flop_per_second = measure_flops<kernels::BFloat16>()};
  }
  return {.bytes_per_second = measure_bandwidth<float>(),
          .flop_per_second = measure_flops<float>()};
}

}  // namespace retmask::bench
