// The kernel that samples against the host's sampler: the same random number gives the same token.
// Skipped with a message if there is no GPU. tests/gpu/kernel_check has the kernel's other cases.

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <limits>

#include "gpu/skip_without_gpu.h"
#include "retmask/engine/sampler.h"
#include "retmask/kernels/cuda/sampling.h"

namespace retmask {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Distance, as a fraction of the total probability, of the drawn number from the interval of `id`;
// 0 inside. Unfiltered distributions only.
double distance_to(const torch::Tensor& logits, double temperature, double uniform, int64_t id) {
  const torch::Tensor cumulative =
      (logits.to(torch::kFloat64) / temperature).softmax(-1).cumsum(-1);
  const double end = cumulative[id].item<double>();
  const double begin = id == 0 ? 0.0 : cumulative[id - 1].item<double>();
  return std::max({0.0, begin - uniform, uniform - end});
}

TEST(CudaSampling, EqualsTheHostsSampler) {
  RETMASK_SKIP_WITHOUT_GPU();
  torch::manual_seed(4);
  constexpr int64_t kRows = 64;
  const std::vector<SamplingParams> settings{
      {},
      {.temperature = 0.6},
      {.temperature = 1.5},
      {.temperature = 1.0, .top_k = 1},
      {.temperature = 1.0, .top_k = 40},
      {.temperature = 0.8, .top_p = 0.9},
      {.temperature = 1.0, .top_p = 0.01},
      {.temperature = 1.0, .min_p = 0.05},
      {.temperature = 0.7, .top_p = 0.95, .top_k = 50, .min_p = 0.02}};
  for (const int64_t vocab_size : {5, 384, 1000, 128256}) {
    for (const SamplingParams& params : settings) {
      const torch::Tensor logits = 3 * torch::randn({kRows, vocab_size});
      logits.narrow(0, 0, kRows / 2).mul_(2).round_().div_(2);  // many ties
      std::vector<double> uniforms;
      std::vector<SampledToken> expected;
      Sampler sampler;
      for (int64_t row = 0; row < kRows; ++row) {
        RandomStream random(5, std::to_string(row));
        uniforms.push_back(RandomStream(random).uniform());
        expected.push_back(
            sampler.sample(logits[row].const_data_ptr<float>(), vocab_size, params, random));
      }
      const auto same = [&](double value) {
        return torch::full({kRows}, value, torch::kFloat64).cuda();
      };
      const torch::Tensor on_gpu = logits.cuda(),
                          gpu_uniforms = torch::tensor(uniforms, torch::kFloat64).cuda(),
                          scale = same(params.temperature > 0 ? 1 / params.temperature : 0),
                          top_p = same(params.top_p), min_p = same(params.min_p),
                          top_k = torch::full({kRows}, params.top_k, torch::kInt64).cuda(),
                          ids = torch::full({kRows}, -1, torch::kInt64).cuda(),
                          logprobs = same(kNan);
      kernels::cuda::sample_rows({.logits = on_gpu.const_data_ptr<float>(),
                                  .rows = kRows,
                                  .vocab_size = vocab_size,
                                  .uniforms = gpu_uniforms.const_data_ptr<double>(),
                                  .inverse_temperatures = scale.const_data_ptr<double>(),
                                  .top_p = top_p.const_data_ptr<double>(),
                                  .min_p = min_p.const_data_ptr<double>(),
                                  .top_k = top_k.const_data_ptr<int64_t>(),
                                  .ids = ids.mutable_data_ptr<int64_t>(),
                                  .logprobs = logprobs.mutable_data_ptr<double>()},
                                 at::cuda::getCurrentCUDAStream().stream());
      C10_CUDA_KERNEL_LAUNCH_CHECK();
      const torch::Tensor found = ids.cpu(), found_logprobs = logprobs.cpu();
      const bool filtered = params.top_k > 0 || params.top_p < 1 || params.min_p > 0;
      int64_t different = 0;
      for (int64_t row = 0; row < kRows; ++row) {
        const auto i = static_cast<size_t>(row);
        const auto id = found[row].item<int64_t>();
        ASSERT_TRUE(0 <= id && id < vocab_size);
        const torch::Tensor all = logits[row].to(torch::kFloat64).log_softmax(-1);
        EXPECT_NEAR(found_logprobs[row].item<double>(), all[id].item<double>(), 1e-5);
        if (id == expected[i].id) continue;
        ++different;
        if (!filtered && params.temperature > 0) {
          EXPECT_LT(distance_to(logits[row], params.temperature, uniforms[i], id), 1e-5);
        }
      }
      // Rounding may flip a token, which is rare.
      EXPECT_LE(different, params.temperature == 0 ? 0 : 1)
          << "vocab_size " << vocab_size << ", temperature " << params.temperature;
    }
  }
}

}  // namespace
}  // namespace retmask
