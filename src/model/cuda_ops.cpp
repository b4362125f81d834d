#include "cuda_ops.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include "cpu_dispatch.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/kernels/cuda/rows.h"

namespace retmask {
namespace {

static_assert(kMostDecodeSplits == kernels::cuda::kMaxSplits);

kernels::cuda::Stream current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

template <typename Element>
kernels::cuda::PagedCache<Element> cache_of(int64_t layer, const DecodeBatch& batch) {
  const KeyValueBlocks::Layer& cache = (*batch.layers)[static_cast<size_t>(layer)];
  RETMASK_CHECK(cache.keys.size(2) == kernels::cuda::kBlockTokens);
  return {.keys = mutable_data_of<Element>(cache.keys),
          .values = mutable_data_of<Element>(cache.values),
          .block_tables = batch.block_tables.const_data_ptr<int32_t>(),
          .table_starts = batch.table_starts.const_data_ptr<int64_t>(),
          .past = batch.past.const_data_ptr<int64_t>()};
}

// Heads must be contiguous; tokens may be strided.
void check_heads_lie_together(const torch::Tensor& heads) {
  RETMASK_CHECK(heads.dim() == 3 && heads.stride(2) == 1 && heads.stride(1) == heads.size(2));
}

}  // namespace

bool has_cuda_kernels() { return true; }

bool has_cuda_decode(int64_t head_dim) { return kernels::cuda::has_decode_attention(head_dim); }

torch::Tensor cuda_silu_multiply(const torch::Tensor& gate_up) {
  RETMASK_CHECK(gate_up.dim() == 2 && gate_up.is_contiguous());
  const int64_t width = gate_up.size(1) / 2;
  torch::Tensor out = torch::empty({gate_up.size(0), width}, gate_up.options());
  with_element(gate_up.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    kernels::cuda::silu_multiply(data_of<Element>(gate_up),
                                 gate_up.size(0),
                                 width,
                                 mutable_data_of<Element>(out),
                                 current_stream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

void cuda_rotate_and_store(const ProjectedHeads& heads,
                           const RmsNorm& q_norm,
                           const RmsNorm& k_norm,
                           const Rotation& rotation,
                           int64_t layer,
                           const DecodeBatch& batch) {
  for (const torch::Tensor& x : {heads.q, heads.k, heads.v}) check_heads_lie_together(x);
  RETMASK_CHECK(heads.q.size(2) <= kernels::cuda::kMaxHeadDim);
  RETMASK_CHECK(rotation.cos.is_contiguous() && rotation.sin.is_contiguous());
  with_element(heads.q.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    const auto weight = [](const RmsNorm& norm) {
      return norm.is_empty() ? nullptr : data_of<Element>(norm->weight);
    };
    kernels::cuda::rotate_and_store(
        kernels::cuda::RotateAndStore<Element>{
            .cache = cache_of<Element>(layer, batch),
            .q = mutable_data_of<Element>(heads.q),
            .k = data_of<Element>(heads.k),
            .v = data_of<Element>(heads.v),
            .q_stride = heads.q.stride(0),
            .k_stride = heads.k.stride(0),
            .v_stride = heads.v.stride(0),
            .sequences = heads.q.size(0),
            .heads = heads.q.size(1),
            .key_value_heads = heads.k.size(1),
            .head_dim = heads.q.size(2),
            .q_norm = weight(q_norm),
            .k_norm = weight(k_norm),
            .eps = q_norm.is_empty() ? 0.0F : static_cast<float>(q_norm->eps),
            .cos = rotation.cos.template const_data_ptr<float>(),
            .sin = rotation.sin.template const_data_ptr<float>()},
        current_stream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

torch::Tensor cuda_decode_attention(const torch::Tensor& q,
                                    std::optional<int64_t> sliding_window,
                                    int64_t layer,
                                    const DecodeBatch& batch) {
  check_heads_lie_together(q);
  const int64_t sequences = q.size(0);
  const int64_t heads = q.size(1);
  const int64_t head_dim = q.size(2);
  torch::Tensor out = torch::empty({sequences, heads * head_dim}, q.options());
  const torch::Tensor workspace = torch::empty(
      {kernels::cuda::decode_attention_workspace(sequences, heads, head_dim, batch.splits)},
      q.options().dtype(torch::kFloat32));
  const torch::Tensor gates = batch.gates.select(1, layer);  // [policies, H]
  const torch::Tensor largest =
      batch.largest_keys.defined() ? batch.largest_keys[layer] : torch::Tensor();
  with_element(q.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    kernels::cuda::decode_attention(
        kernels::cuda::DecodeAttention<Element>{
            .cache = cache_of<Element>(layer, batch),
            .q = data_of<Element>(q),
            .q_stride = q.stride(0),
            .sequences = sequences,
            .heads = heads,
            .key_value_heads = (*batch.layers)[static_cast<size_t>(layer)].keys.size(1),
            .head_dim = head_dim,
            .sliding_window = sliding_window.value_or(0),
            .gates = gates.const_data_ptr<float>(),
            .policies = batch.policies.const_data_ptr<int64_t>(),
            .gate_stride = gates.stride(0),
            .splits = batch.splits,
            .workspace = mutable_data_of<float>(workspace),
            .out = mutable_data_of<Element>(out),
            .largest_keys = largest.defined() ? mutable_data_of<int64_t>(largest) : nullptr},
        current_stream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

}  // namespace retmask
