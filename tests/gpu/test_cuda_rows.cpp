// GPU kernels for rows of activations and for sampling against the CPU kernels. Skipped with a
// message if there is no GPU.

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "gpu/skip_without_gpu.h"
#include "retmask/engine/sampler.h"
#include "retmask/kernels/cuda/rows.h"
#include "retmask/kernels/cuda/sampling.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::relative_error;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

kernels::cuda::Stream stream() { return at::cuda::getCurrentCUDAStream().stream(); }

template <typename Element>
Element* data(const torch::Tensor& x) {
  return static_cast<Element*>(x.mutable_data_ptr());
}

template <typename Element>
constexpr torch::ScalarType kDtype =
    std::is_same_v<Element, float> ? torch::kFloat32 : torch::kBFloat16;
template <typename Element>
constexpr double kTolerance = std::is_same_v<Element, float> ? 1e-6 : 1e-2;

template <typename Element>
class CudaRows : public ::testing::Test {
 protected:
  void SetUp() override {
    RETMASK_SKIP_WITHOUT_GPU();
    torch::manual_seed(2);
  }
};
using Elements = ::testing::Types<float, kernels::BFloat16>;
TYPED_TEST_SUITE(CudaRows, Elements);

TYPED_TEST(CudaRows, SiluMultiply) {
  for (const int64_t width : {48, 14336, 7}) {
    const torch::Tensor gate_up = torch::randn({5, 2 * width}).to(kDtype<TypeParam>);
    const torch::Tensor out =
        torch::full({5, width}, kNan, torch::TensorOptions(kDtype<TypeParam>).device(torch::kCUDA));
    const torch::Tensor on_gpu = gate_up.cuda();
    kernels::cuda::silu_multiply(data<TypeParam>(on_gpu), 5, width, data<TypeParam>(out), stream());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    const auto halves = gate_up.to(torch::kFloat64).chunk(2, 1);
    EXPECT_LT(relative_error(out, torch::silu(halves[0]) * halves[1]), kTolerance<TypeParam>);
  }
}

TYPED_TEST(CudaRows, RotateAndStore) {
  constexpr int64_t kHeads = 6, kKvHeads = 2, kBlock = kernels::cuda::kBlockTokens;
  const std::vector<int64_t> past{0, 17, -1, 47};
  const std::vector<int32_t> table{5, 1, 4, 0, 3, 2};
  const std::vector<int64_t> starts{0, 1, 3, 3};
  for (const int64_t dim : {16, 64, 128, 256}) {
    for (const bool with_norm : {false, true}) {
      const torch::Tensor qkv = torch::randn({4, kHeads + 2 * kKvHeads, dim}).to(kDtype<TypeParam>);
      const torch::Tensor angles = torch::randn({4, dim / 2});
      const torch::Tensor weight = torch::rand({dim}).to(kDtype<TypeParam>);
      const torch::Tensor keys =
          torch::full({6, kKvHeads, kBlock, dim},
                      kNan,
                      torch::TensorOptions(kDtype<TypeParam>).device(torch::kCUDA));
      const torch::Tensor values = keys.clone();
      const torch::Tensor x = qkv.cuda(), cos = angles.cos().cuda(), sin = angles.sin().cuda(),
                          norm = weight.cuda(), gpu_table = torch::tensor(table).cuda(),
                          gpu_starts = torch::tensor(starts).cuda(),
                          gpu_past = torch::tensor(past).cuda();
      kernels::cuda::rotate_and_store(
          kernels::cuda::RotateAndStore<TypeParam>{
              .cache = {.keys = data<TypeParam>(keys),
                        .values = data<TypeParam>(values),
                        .block_tables = gpu_table.const_data_ptr<int32_t>(),
                        .table_starts = gpu_starts.const_data_ptr<int64_t>(),
                        .past = gpu_past.const_data_ptr<int64_t>()},
              .q = data<TypeParam>(x),
              .k = data<TypeParam>(x) + kHeads * dim,
              .v = data<TypeParam>(x) + (kHeads + kKvHeads) * dim,
              .q_stride = x.stride(0),
              .k_stride = x.stride(0),
              .v_stride = x.stride(0),
              .sequences = 4,
              .heads = kHeads,
              .key_value_heads = kKvHeads,
              .head_dim = dim,
              .q_norm = with_norm ? data<TypeParam>(norm) : nullptr,
              .k_norm = with_norm ? data<TypeParam>(norm) : nullptr,
              .eps = 1e-5F,
              .cos = cos.const_data_ptr<float>(),
              .sin = sin.const_data_ptr<float>()},
          stream());
      C10_CUDA_KERNEL_LAUNCH_CHECK();

      torch::Tensor heads = qkv.to(torch::kFloat64).narrow(1, 0, kHeads + kKvHeads);
      if (with_norm) {
        const torch::Tensor scale = (heads.square().mean(-1, true) + 1e-5).rsqrt();
        heads =
            (heads * scale * weight.to(torch::kFloat64)).to(kDtype<TypeParam>).to(torch::kFloat64);
      }
      const auto halves = heads.chunk(2, -1);
      const torch::Tensor c = angles.cos().unsqueeze(1), s = angles.sin().unsqueeze(1);
      const torch::Tensor rotated =
          torch::cat({halves[0] * c - halves[1] * s, halves[1] * c + halves[0] * s}, -1);
      for (int64_t i = 0; i < 4; ++i) {
        const auto sequence = static_cast<size_t>(i);
        if (past[sequence] < 0) continue;
        const int64_t block =
            table[static_cast<size_t>(starts[sequence] + past[sequence] / kBlock)];
        const auto stored = [&](const torch::Tensor& cache) {
          return cache[block].select(1, past[sequence] % kBlock);
        };
        EXPECT_LT(relative_error(x[i].narrow(0, 0, kHeads), rotated[i].narrow(0, 0, kHeads)),
                  kTolerance<TypeParam>);
        EXPECT_LT(relative_error(stored(keys), rotated[i].narrow(0, kHeads, kKvHeads)),
                  kTolerance<TypeParam>);
        EXPECT_TRUE(
            torch::equal(stored(values).cpu(), qkv[i].narrow(0, kHeads + kKvHeads, kKvHeads)));
      }
      // Nothing else was written.
      EXPECT_EQ(keys.isnan().logical_not().sum().item<int64_t>(), 3 * kKvHeads * dim);
      EXPECT_EQ(values.isnan().logical_not().sum().item<int64_t>(), 3 * kKvHeads * dim);
    }
  }
}

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
                                 stream());
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

TEST(CudaSampling, SaysWhenLogitsAreNotNumbers) {
  RETMASK_SKIP_WITHOUT_GPU();
  const torch::Tensor logits = torch::full({1, 100}, kNan).cuda();
  const torch::Tensor zeros = torch::zeros({1}, torch::kFloat64).cuda(),
                      top_k = torch::zeros({1}, torch::kInt64).cuda(),
                      ids = torch::full({1}, -1, torch::kInt64).cuda(),
                      logprobs = torch::zeros({1}, torch::kFloat64).cuda();
  const double* none = zeros.const_data_ptr<double>();
  kernels::cuda::sample_rows({.logits = logits.const_data_ptr<float>(),
                              .rows = 1,
                              .vocab_size = 100,
                              .uniforms = none,
                              .inverse_temperatures = none,
                              .top_p = none,
                              .min_p = none,
                              .top_k = top_k.const_data_ptr<int64_t>(),
                              .ids = ids.mutable_data_ptr<int64_t>(),
                              .logprobs = logprobs.mutable_data_ptr<double>()},
                             stream());
  EXPECT_EQ(ids.item<int64_t>(), 0);
  EXPECT_TRUE(std::isnan(logprobs.item<double>()));
}

}  // namespace
}  // namespace retmask
