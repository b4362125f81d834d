// The decoder layer on a GPU with prepared weights.

#include "cache_access.h"
#include "cpu_dispatch.h"
#include "cuda_ops.h"
#include "cuda_stream.h"
#include "libtorch_layer.h"
#include "prepared_matrix.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/kernels/cuda/rotate.h"
#include "retmask/model/decode.h"

namespace retmask {
namespace {

static_assert(kMostDecodeSplits == kernels::cuda::kMaxSplits);

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

// The kernel's work for these heads, without a cache. With QK-norm over the full width they are
// already normalised.
template <typename Element>
kernels::cuda::RotateAndStore<Element> rotation_of(const ProjectedHeads& heads,
                                                   const LayerShape& shape,
                                                   const RmsNorm& q_norm,
                                                   const RmsNorm& k_norm,
                                                   const Rotation& rotation) {
  for (const torch::Tensor& x : {heads.q, heads.k, heads.v}) check_heads_lie_together(x);
  RETMASK_CHECK(heads.q.size(2) <= kernels::cuda::kMaxHeadDim);
  RETMASK_CHECK(rotation.cos.is_contiguous() && rotation.sin.is_contiguous());
  const bool per_head = shape.qk_norm == QkNorm::per_head;
  return {.q = mutable_data_of<Element>(heads.q),
          .k = mutable_data_of<Element>(heads.k),
          .v = data_of<Element>(heads.v),
          .q_stride = heads.q.stride(0),
          .k_stride = heads.k.stride(0),
          .v_stride = heads.v.stride(0),
          .tokens = heads.q.size(0),
          .heads = heads.q.size(1),
          .key_value_heads = heads.k.size(1),
          .head_dim = heads.q.size(2),
          .q_norm = per_head ? data_of<Element>(q_norm->weight) : nullptr,
          .k_norm = per_head ? data_of<Element>(k_norm->weight) : nullptr,
          .eps = per_head ? static_cast<float>(q_norm->eps) : 0.0F,
          .cos = rotation.cos.template const_data_ptr<float>(),
          .sin = rotation.sin.template const_data_ptr<float>()};
}

// Several sequences may store the keys and values of one row; the kernel stores each row once.
bool stores_each_row_once(const ForwardContext& context) {
  return context.batch.cache != nullptr && !context.slots.batch_rows.defined();
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
  // Before the rotation, and before norms of single heads.
  ProjectedHeads multiply_qkv(const torch::Tensor& x, const RmsNorm& norm) const {
    ProjectedHeads heads = split_heads(weights_->qkv.multiply(normalize_input(x, norm)), shape_);
    if (shape_.qk_norm == QkNorm::full_width) {
      heads.q = normalize(heads.q.flatten(1), q_norm_).view(heads.q.sizes());
      heads.k = normalize(heads.k.flatten(1), k_norm_).view(heads.k.sizes());
    }
    return heads;
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
    const int64_t width = gate_up.size(1) / 2;
    return weights_->down.multiply(
        cuda_silu_multiply(gate_up.narrow(1, 0, width), gate_up.narrow(1, width, width)), residual);
  }

  const std::shared_ptr<const PreparedLayer> weights_;
};

class CudaPromptLayer : public PreparedCudaLayer {
 public:
  using PreparedCudaLayer::PreparedCudaLayer;

 private:
  // Also stores keys and values.
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& norm,
                         const ForwardContext& context) const override {
    const ProjectedHeads heads = multiply_qkv(x, norm);
    with_element(heads.q.scalar_type(), [&](auto element) {
      using Element = decltype(element);
      auto work = rotation_of<Element>(heads, shape_, q_norm_, k_norm_, rotation(context));
      work.rotate_k_in_place = true;
      if (stores_each_row_once(context)) {
        const KeyValueBlocks& blocks = *context.batch.cache;
        const KeyValueBlocks::Layer& cache = (*blocks.layers)[static_cast<size_t>(shape_.layer)];
        RETMASK_CHECK(blocks.block_size == kernels::cuda::kBlockTokens);
        work.cache.keys = mutable_data_of<Element>(cache.keys);
        work.cache.values = mutable_data_of<Element>(cache.values);
        work.slot_blocks = context.slots.blocks.template const_data_ptr<int64_t>();
        work.slot_rows = context.slots.rows.template const_data_ptr<int64_t>();
      }
      kernels::cuda::rotate_and_store(work, current_stream());
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return heads;
  }

  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const override {
    if (context.batch.cache != nullptr && !stores_each_row_once(context))
      store_keys(heads.k, heads.v, shape_.layer, context);
    return attend_with_libtorch(heads, shape_, context);
  }
};

class CudaDecodeLayer : public PreparedCudaLayer {
 public:
  using PreparedCudaLayer::PreparedCudaLayer;

 private:
  // Also stores keys and values.
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& norm,
                         const ForwardContext& context) const override {
    const ProjectedHeads heads = multiply_qkv(x, norm);
    with_element(heads.q.scalar_type(), [&](auto element) {
      using Element = decltype(element);
      auto work = rotation_of<Element>(heads, shape_, q_norm_, k_norm_, rotation(context));
      work.cache = cache_of<Element>(shape_.layer, *context.decode);
      kernels::cuda::rotate_and_store(work, current_stream());
    });
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    return heads;
  }

  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const override {
    return decode_attention(heads.q, shape_.sliding_window, shape_.layer, *context.decode);
  }
};

}  // namespace

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
