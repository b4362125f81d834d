// GPU attention over the paged cache against plain torch in float64, on random caches whose unused
// rows are NaN. Skipped with a message if there is no GPU.

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "gpu/skip_without_gpu.h"
#include "retmask/base/random.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/model/attention.h"

namespace retmask {
namespace {

using kernels::cuda::kBlockTokens;

struct DecodeCase {
  torch::ScalarType dtype = torch::kBFloat16;
  int64_t head_dim = 128;
  int64_t heads = 8;
  int64_t key_value_heads = 2;
  int64_t sliding_window = 0;
  int64_t splits = 1;
  bool gated = false;
};

void PrintTo(const DecodeCase& test, std::ostream* out) {
  *out << test.dtype << ", head_dim " << test.head_dim << ", heads " << test.heads << "/"
       << test.key_value_heads << ", window " << test.sliding_window << ", splits " << test.splits
       << (test.gated ? ", gated" : "");
}

// Keys of each sequence; 0: a padding row.
const std::vector<int64_t> kLengths{1, 16, 0, 17, 130, 700, 2049};

struct Setting {
  explicit Setting(const DecodeCase& test) : shape(test) {
    RandomStream random(3, "tables");
    for (const int64_t length : kLengths) {
      starts.push_back(num_blocks);
      past.push_back(length - 1);
      policies.push_back(static_cast<int64_t>(random.below(3)));
      num_blocks += (length + kBlockTokens - 1) / kBlockTokens;
    }
    for (int64_t block = 0; block < num_blocks; ++block)
      table.push_back(static_cast<int32_t>(block));
    shuffle(table, random);
    const auto sequences = static_cast<int64_t>(kLengths.size());
    const std::vector<int64_t> cache{num_blocks, test.key_value_heads, kBlockTokens, test.head_dim};
    const double nan = std::numeric_limits<double>::quiet_NaN();
    keys = torch::full(cache, nan, torch::kFloat64);
    values = keys.clone();
    for (size_t s = 0; s < kLengths.size(); ++s) {
      for (int64_t t = 0; t < kLengths[s]; ++t) {
        const int64_t block = table[static_cast<size_t>(starts[s] + t / kBlockTokens)];
        const std::vector<int64_t> row{test.key_value_heads, test.head_dim};
        keys[block].select(1, t % kBlockTokens).copy_(rounded(torch::randn(row, torch::kFloat64)));
        values[block]
            .select(1, t % kBlockTokens)
            .copy_(rounded(torch::randn(row, torch::kFloat64)));
      }
    }
    q = rounded(torch::randn({sequences, test.heads, test.head_dim}, torch::kFloat64));
    gates = torch::ones({3, test.heads}, torch::kFloat32);
    gates[1].slice(0, 0, test.heads, 3).zero_();  // some of a group
    gates[2].zero_();                             // whole groups
  }

  torch::Tensor rounded(const torch::Tensor& x) const {
    return x.to(shape.dtype).to(torch::kFloat64);
  }

  // out [S, H, D] and the largest keys [S, H].
  std::pair<torch::Tensor, torch::Tensor> run(bool largest) const {
    const auto on_gpu = [&](const torch::Tensor& x) { return x.to(torch::kCUDA, shape.dtype); };
    const torch::Tensor gpu_keys = on_gpu(keys), gpu_values = on_gpu(values), gpu_q = on_gpu(q);
    const torch::Tensor gpu_table = torch::tensor(table, torch::kInt32).cuda();
    const torch::Tensor gpu_starts = torch::tensor(starts).cuda();
    const torch::Tensor gpu_past = torch::tensor(past).cuda();
    const torch::Tensor gpu_policies = torch::tensor(policies).cuda();
    const torch::Tensor gpu_gates = gates.cuda();
    const double poison = std::numeric_limits<double>::quiet_NaN();
    const auto sequences = static_cast<int64_t>(kLengths.size());
    const torch::Tensor out = torch::full_like(gpu_q, poison);
    const torch::Tensor keys_out = torch::full({sequences, shape.heads}, -7, torch::kInt64).cuda();
    const torch::Tensor workspace =
        torch::full({kernels::cuda::decode_attention_workspace(
                        sequences, shape.heads, shape.head_dim, shape.splits)},
                    poison,
                    torch::TensorOptions(torch::kFloat32).device(torch::kCUDA));
    const auto launch = [&](auto element) {
      using Element = decltype(element);
      kernels::cuda::decode_attention(
          kernels::cuda::DecodeAttention<Element>{
              .cache = {.keys = static_cast<Element*>(gpu_keys.mutable_data_ptr()),
                        .values = static_cast<Element*>(gpu_values.mutable_data_ptr()),
                        .block_tables = gpu_table.const_data_ptr<int32_t>(),
                        .table_starts = gpu_starts.const_data_ptr<int64_t>(),
                        .past = gpu_past.const_data_ptr<int64_t>()},
              .q = static_cast<const Element*>(gpu_q.const_data_ptr()),
              .q_stride = gpu_q.stride(0),
              .sequences = sequences,
              .heads = shape.heads,
              .key_value_heads = shape.key_value_heads,
              .head_dim = shape.head_dim,
              .sliding_window = shape.sliding_window,
              .gates = shape.gated ? gpu_gates.const_data_ptr<float>() : nullptr,
              .policies = gpu_policies.const_data_ptr<int64_t>(),
              .gate_stride = shape.heads,
              .splits = shape.splits,
              .workspace = workspace.mutable_data_ptr<float>(),
              .out = static_cast<Element*>(out.mutable_data_ptr()),
              .largest_keys = largest ? keys_out.mutable_data_ptr<int64_t>() : nullptr},
          at::cuda::getCurrentCUDAStream().stream());
    };
    if (shape.dtype == torch::kBFloat16) {
      launch(kernels::BFloat16{});
    } else {
      launch(float{});
    }
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return {out.to(torch::kCPU, torch::kFloat64), keys_out.cpu()};
  }

  // The keys (or values) of a sequence as one tensor, [K, Hkv, D].
  torch::Tensor gather(const torch::Tensor& cache, size_t s) const {
    std::vector<torch::Tensor> rows;
    for (int64_t t = 0; t < kLengths[s]; ++t) {
      const int64_t block = table[static_cast<size_t>(starts[s] + t / kBlockTokens)];
      rows.push_back(cache[block].select(1, t % kBlockTokens));
    }
    return torch::stack(rows);
  }

  DecodeCase shape;
  int64_t num_blocks = 0;
  std::vector<int32_t> table;
  std::vector<int64_t> starts, past, policies;
  torch::Tensor keys, values, q, gates;
};

void expect_plain_torch(const DecodeCase& test) {
  SCOPED_TRACE(::testing::PrintToString(test));
  const Setting s(test);
  const std::optional<int64_t> window =
      test.sliding_window > 0 ? std::optional(test.sliding_window) : std::nullopt;
  const double tolerance = test.dtype == torch::kFloat32 ? 1e-5 : 1e-2;
  for (const bool largest : {false, true}) {
    const auto [out, keys] = s.run(largest);
    for (size_t i = 0; i < kLengths.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      if (kLengths[i] == 0) {
        EXPECT_EQ(out[row].abs().sum().item<double>(), 0.0);
        continue;
      }
      torch::Tensor expected = attention_reference(
          s.q[row].unsqueeze(0), s.gather(s.keys, i), s.gather(s.values, i), window)[0];
      if (test.gated) expected = expected * s.gates[s.policies[i]].unsqueeze(-1);
      const double error = (out[row] - expected).norm().item<double>();
      EXPECT_LE(error, tolerance * expected.norm().item<double>()) << "length " << kLengths[i];
      if (largest) {
        EXPECT_TRUE(torch::equal(keys[row], largest_key(s.q[row], s.gather(s.keys, i), window)))
            << "length " << kLengths[i];
      }
    }
  }
}

// Groups of 1, 2, 3, 4, 8 and 10 heads; one split, several, and the maximum.
TEST(DecodeAttention, EqualsPlainTorch) {
  RETMASK_SKIP_WITHOUT_GPU();
  torch::manual_seed(1);
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const int64_t head_dim : {64, 128}) {
      for (const auto& [heads, kv_heads] :
           {std::pair{4, 4}, {4, 2}, {9, 3}, {8, 2}, {16, 2}, {10, 1}}) {
        for (const int64_t splits : {1, 3, 64}) {
          expect_plain_torch({dtype, head_dim, heads, kv_heads, /*sliding_window=*/0, splits});
          expect_plain_torch(
              {dtype, head_dim, heads, kv_heads, /*sliding_window=*/100, splits, /*gated=*/true});
        }
      }
    }
  }
}

}  // namespace
}  // namespace retmask
