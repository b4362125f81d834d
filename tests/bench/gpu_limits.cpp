#include "gpu_limits.h"

#include "gpu_seconds.h"

namespace retmask::bench {

MachineLimits measure_gpu_limits(torch::ScalarType dtype) {
  const torch::NoGradGuard no_grad;
  const auto options = torch::TensorOptions(torch::kCUDA).dtype(dtype);
  constexpr int64_t kBytes = int64_t{2} << 30;
  constexpr int64_t kSize = 8192;
  MachineLimits limits;
  {
    const torch::Tensor from =
        torch::randn({kBytes / static_cast<int64_t>(torch::elementSize(dtype))}, options);
    torch::Tensor to = torch::empty_like(from);
    limits.bytes_per_second = 2.0 * kBytes / median_gpu_seconds(10, [&] { to.copy_(from); });
  }
  const torch::Tensor a = torch::randn({kSize, kSize}, options);
  const torch::Tensor b = torch::randn({kSize, kSize}, options);
  torch::Tensor product = torch::empty_like(a);
  const double seconds = median_gpu_seconds(10, [&] { at::mm_out(product, a, b); });
  limits.flop_per_second = 2.0 * kSize * kSize * kSize / seconds;
  return limits;
}

}  // namespace retmask::bench
