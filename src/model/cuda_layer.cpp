// The decoder layer on a GPU with prepared weights.

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include "cpu_dispatch.h"
#include "libtorch_layer.h"
#include "prepared_matrix.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/kernels/cuda/rows.h"
#include "retmask/model/decode.h"

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

// [T, 2 * width], gate and then up -> silu(gate) * up: [T, width]
torch::Tensor silu_multiply(const torch::Tensor& gate_up) {
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

// Normalises each head (if there are norms), rotates it, and stores k and v in the blocks of the
// layer. q is changed in place; k and v are not.
void rotate_and_store(const ProjectedHeads& heads,
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

// Rotated q [S, H, D], rows may be strided -> [S, H * D], gate applied.
torch::Tensor decode_attention(const torch::Tensor& q,
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

// What prompts and decoding have in common.
class PreparedCudaLayer : public DecoderLayer {
 public:
  PreparedCudaLayer(const LayerShape& shape,
                    const LayerParameters& parameters,
                    std::shared_ptr<const PreparedLayer> weights)
      : DecoderLayer(shape, parameters), weights_(std::move(weights)) {}

  torch::Tensor normalize(const torch::Tensor& x, const RmsNorm& norm) const override {
    return at::rms_norm(x, {norm->weight.size(0)}, norm->weight, norm->eps);
  }

  torch::Tensor project_onto_heads(const torch::Tensor& u) const override {
    return weights_->output.multiply_transposed(u);
  }

 protected:
  ProjectedHeads multiply_qkv(const torch::Tensor& x, const RmsNorm& norm) const {
    return split_heads(weights_->qkv.multiply(normalize_input(x, norm)), shape_);
  }

 private:
  torch::Tensor project_output(const torch::Tensor& attended,
                               const torch::Tensor& residual) const override {
    return weights_->output.multiply(attended, residual);
  }

  torch::Tensor mlp(const torch::Tensor& x,
                    const RmsNorm& norm,
                    const torch::Tensor& residual,
                    const ForwardContext&) const override {
    const torch::Tensor gate_up = weights_->gate_up.multiply(normalize_input(x, norm));
    return weights_->down.multiply(silu_multiply(gate_up), residual);
  }

  const std::shared_ptr<const PreparedLayer> weights_;
};

class CudaPromptLayer : public PreparedCudaLayer {
 public:
  using PreparedCudaLayer::PreparedCudaLayer;

 private:
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& norm,
                         const ForwardContext& context) const override {
    const ProjectedHeads heads = multiply_qkv(x, norm);
    return normalize_and_rotate(heads.q.flatten(1),
                                heads.k.flatten(1),
                                heads.v.flatten(1),
                                shape_,
                                q_norm_,
                                k_norm_,
                                rotation(context));
  }

  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const override {
    return attend_with_libtorch(heads, shape_, context);
  }
};

class CudaDecodeLayer : public PreparedCudaLayer {
 public:
  using PreparedCudaLayer::PreparedCudaLayer;

 private:
  // Also stores keys and values: one kernel rotates and stores.
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& norm,
                         const ForwardContext& context) const override {
    ProjectedHeads heads = multiply_qkv(x, norm);
    if (shape_.qk_norm == QkNorm::full_width) {
      heads.q = normalize(heads.q.flatten(1), q_norm_).view(heads.q.sizes());
      heads.k = normalize(heads.k.flatten(1), k_norm_).view(heads.k.sizes());
    }
    const bool per_head = shape_.qk_norm == QkNorm::per_head;
    rotate_and_store(heads,
                     per_head ? q_norm_ : RmsNorm(nullptr),
                     per_head ? k_norm_ : RmsNorm(nullptr),
                     rotation(context),
                     shape_.layer,
                     *context.decode);
    return heads;
  }

  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const override {
    return decode_attention(heads.q, shape_.sliding_window, shape_.layer, *context.decode);
  }
};

}  // namespace

bool has_cuda_kernels() { return true; }

bool has_cuda_decode(int64_t head_dim) { return kernels::cuda::has_decode_attention(head_dim); }

CudaLayer make_cuda_layer(const LayerShape& shape, const LayerParameters& parameters) {
  const auto weights = std::make_shared<const PreparedLayer>(parameters);
  CudaLayer layer;
  layer.prompts = std::make_shared<CudaPromptLayer>(shape, parameters, weights);
  if (has_cuda_decode(shape.head_dim))
    layer.decode = std::make_shared<CudaDecodeLayer>(shape, parameters, weights);
  return layer;
}

}  // namespace retmask
