// AdamW on the GPU against the CPU: in float32 libtorch's fused kernel, in bfloat16 ours for split
// weights. Skipped with a message if there is no GPU.

#include <gtest/gtest.h>

#include "gpu/skip_without_gpu.h"
#include "unit/train/tiny_parameters.h"

namespace retmask::train {
namespace {

class CudaAdamW : public ::testing::TestWithParam<torch::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Gpu,
                         CudaAdamW,
                         ::testing::Values(torch::kFloat32, torch::kBFloat16),
                         [](const auto& test) { return c10::toString(test.param); });

TEST_P(CudaAdamW, EqualsTheCpusInEveryStage) {
  RETMASK_SKIP_WITHOUT_GPU();
  for (int64_t stage = 0; stage < 4; ++stage) {
    Options options;
    options.weight_decay = 0.3;
    TinyParameters cpu(GetParam(), options, stage);
    TinyParameters cuda(GetParam(), options, stage, torch::kCUDA);
    for (int step = 0; step < 5; ++step) {
      const auto factors = cpu.random_factors(/*scale=*/0.1);
      cpu.step(factors, 1e-2);
      cuda.step(factors, 1e-2);
    }
    for (size_t i = 0; i < cpu.named.size(); ++i) {
      EXPECT_TRUE(cuda.weight(i).is_cuda());
      // The kernels round in a different order.
      EXPECT_TRUE(
          torch::allclose(cuda.weight(i).cpu(), cpu.weight(i), /*rtol=*/1e-5, /*atol=*/1e-6))
          << "stage " << stage << ", parameter " << i;
      if (stage == 3) continue;  // gathered layer by layer
      EXPECT_TRUE(torch::equal(cuda.named[i].second, cuda.weight(i).to(GetParam())));
    }
  }
}

}  // namespace
}  // namespace retmask::train
