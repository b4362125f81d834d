#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>

#include "gpu_limits.h"
#include "gpu_seconds.h"
#include "retmask/base/error.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/kernels/cuda/sampling.h"

namespace retmask::bench {
namespace {

// Of the layers' matrices or caches: one after the other they are larger than any cache.
constexpr int64_t kCopies = 4;
constexpr int kRuns = 10;

kernels::cuda::Stream stream() { return at::cuda::getCurrentCUDAStream().stream(); }

double linear_seconds(const ModelConfig& config, torch::TensorOptions options, int64_t rows) {
  const int64_t heads = config.num_attention_heads * config.head_dim;
  const int64_t key_value = config.num_key_value_heads * config.head_dim;
  struct Shape {
    int64_t n, k;
  };
  const std::vector<Shape> layer{{heads + 2 * key_value, config.hidden_size},
                                 {config.hidden_size, heads},
                                 {2 * config.intermediate_size, config.hidden_size},
                                 {config.hidden_size, config.intermediate_size}};
  std::vector<torch::Tensor> inputs, weights;
  for (int64_t copy = 0; copy < kCopies; ++copy) {
    for (const Shape& shape : layer) {
      inputs.push_back(torch::randn({rows, shape.k}, options));
      weights.push_back(torch::randn({shape.n, shape.k}, options));
    }
  }
  const double layers = median_gpu_seconds(kRuns, [&] {
    for (size_t i = 0; i < weights.size(); ++i) at::linear(inputs[i], weights[i]);
  });
  const torch::Tensor hidden = torch::randn({rows, config.hidden_size}, options);
  const torch::Tensor head = torch::randn({config.vocab_size, config.hidden_size}, options);
  const double last = median_gpu_seconds(kRuns, [&] { at::linear(hidden, head); });
  return layers / kCopies * static_cast<double>(config.num_hidden_layers()) + last;
}

template <typename Element>
double attention_seconds(const ModelConfig& config,
                         torch::TensorOptions options,
                         int64_t rows,
                         int64_t keys) {
  constexpr int64_t kBlock = kernels::cuda::kBlockTokens;
  const int64_t blocks_each = (keys + kBlock - 1) / kBlock;
  const std::vector<int64_t> shape{
      rows * blocks_each, config.num_key_value_heads, kBlock, config.head_dim};
  std::vector<torch::Tensor> key_copies, value_copies;
  for (int64_t copy = 0; copy < kCopies; ++copy) {
    key_copies.push_back(torch::randn(shape, options));
    value_copies.push_back(torch::randn(shape, options));
  }
  const torch::Tensor q =
      torch::randn({rows, config.num_attention_heads, config.head_dim}, options);
  torch::Tensor out = torch::empty_like(q);
  const auto integers = options.dtype(torch::kInt64);
  const torch::Tensor table = torch::randperm(rows * blocks_each, integers).to(torch::kInt32);
  const torch::Tensor starts = torch::arange(rows, integers) * blocks_each;
  const torch::Tensor past = torch::full({rows}, keys - 1, integers);
  // The choice of the engine for many rows; with few rows it splits the sequences.
  int64_t splits = 1;
  while (splits < kernels::cuda::kMaxSplits && rows * config.num_key_value_heads * splits < 512)
    splits *= 2;
  const torch::Tensor workspace =
      torch::empty({kernels::cuda::decode_attention_workspace(
                       rows, config.num_attention_heads, config.head_dim, splits)},
                   options.dtype(torch::kFloat32));
  const auto launch = [&](size_t copy) {
    kernels::cuda::decode_attention(
        kernels::cuda::DecodeAttention<Element>{
            .cache = {.keys = static_cast<Element*>(key_copies[copy].mutable_data_ptr()),
                      .values = static_cast<Element*>(value_copies[copy].mutable_data_ptr()),
                      .block_tables = table.const_data_ptr<int32_t>(),
                      .table_starts = starts.const_data_ptr<int64_t>(),
                      .past = past.const_data_ptr<int64_t>()},
            .q = static_cast<const Element*>(q.const_data_ptr()),
            .q_stride = q.stride(0),
            .sequences = rows,
            .heads = config.num_attention_heads,
            .key_value_heads = config.num_key_value_heads,
            .head_dim = config.head_dim,
            .splits = splits,
            .workspace = workspace.mutable_data_ptr<float>(),
            .out = static_cast<Element*>(out.mutable_data_ptr())},
        stream());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  };
  const double seconds = median_gpu_seconds(kRuns, [&] {
    for (size_t copy = 0; copy < kCopies; ++copy) launch(copy);
  });
  return seconds / kCopies * static_cast<double>(config.num_hidden_layers());
}

double sampling_seconds(const ModelConfig& config, int64_t rows) {
  const auto real = torch::TensorOptions(torch::kCUDA).dtype(torch::kFloat64);
  const torch::Tensor logits =
      3 * torch::randn({rows, config.vocab_size}, real.dtype(torch::kFloat32));
  const torch::Tensor uniforms = torch::rand({rows}, real), scale = torch::full({rows}, 1.6, real),
                      ones = torch::ones({rows}, real), zeros = torch::zeros({rows}, real);
  const torch::Tensor top_k = torch::zeros({rows}, real.dtype(torch::kInt64));
  torch::Tensor ids = torch::empty_like(top_k), logprobs = torch::empty_like(ones);
  return median_gpu_seconds(kRuns, [&] {
    kernels::cuda::sample_rows({.logits = logits.const_data_ptr<float>(),
                                .rows = rows,
                                .vocab_size = config.vocab_size,
                                .uniforms = uniforms.const_data_ptr<double>(),
                                .inverse_temperatures = scale.const_data_ptr<double>(),
                                .top_p = ones.const_data_ptr<double>(),
                                .min_p = zeros.const_data_ptr<double>(),
                                .top_k = top_k.const_data_ptr<int64_t>(),
                                .ids = ids.mutable_data_ptr<int64_t>(),
                                .logprobs = logprobs.mutable_data_ptr<double>()},
                               stream());
  });
}

}  // namespace

bool can_measure_step_parts() { return true; }

StepParts measure_step_parts(const ModelConfig& config,
                             torch::ScalarType dtype,
                             int64_t rows,
                             int64_t keys) {
  const torch::NoGradGuard no_grad;
  RETMASK_CHECK(kernels::cuda::has_decode_attention(config.head_dim));
  const auto options = torch::TensorOptions(torch::kCUDA).dtype(dtype);
  return {.linear = linear_seconds(config, options, rows),
          .attention = dtype == torch::kBFloat16
                           ? attention_seconds<kernels::BFloat16>(config, options, rows, keys)
                           : attention_seconds<float>(config, options, rows, keys),
          .sampling = sampling_seconds(config, rows)};
}

}  // namespace retmask::bench
