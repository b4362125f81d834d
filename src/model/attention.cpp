#include "retmask/model/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "retmask/base/error.h"
#include "retmask/model/upload.h"

namespace retmask {
namespace {

// visible[i][j]: whether query i of t, at position num_keys - t + i, sees key j. [t, num_keys]
// bool.
torch::Tensor visibility(int64_t t,
                         int64_t num_keys,
                         std::optional<int64_t> sliding_window,
                         torch::Device device) {
  const auto options = torch::TensorOptions(torch::kInt64).device(device);
  const torch::Tensor query = torch::arange(num_keys - t, num_keys, options).unsqueeze(1);
  const torch::Tensor key = torch::arange(num_keys, options).unsqueeze(0);
  torch::Tensor visible = key <= query;
  if (sliding_window) visible = visible & (key > query - *sliding_window);
  return visible;
}

// [K, Hkv, D] -> [K, H, D]: each key/value head serves H / Hkv query heads.
torch::Tensor repeat_heads(const torch::Tensor& x, int64_t num_heads) {
  return x.size(1) == num_heads ? x : x.repeat_interleave(num_heads / x.size(1), /*dim=*/1);
}

// [n, heads, D] -> [1, heads, n, D], the layout of scaled_dot_product_attention.
torch::Tensor to_batch(const torch::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); }

}  // namespace

HeadGate::HeadGate(const ModelConfig& config,
                   const std::vector<HeadMask>& masks,
                   torch::TensorOptions options)
    : gates_(config.layers.size()), means_(config.layers.size()) {
  const auto sequences = static_cast<int64_t>(masks.size());
  const int64_t heads = config.num_attention_heads;
  std::vector<torch::Tensor> gates(gates_.size());
  std::vector<torch::Tensor> means(means_.size());
  for (int64_t s = 0; s < sequences; ++s) {
    const HeadMask& mask = masks[static_cast<size_t>(s)];
    for (size_t i = 0; i < mask.size(); ++i) {
      const Head& head = mask.heads()[i];
      torch::Tensor& gate = gates[static_cast<size_t>(head.layer)];
      if (!gate.defined()) gate = torch::ones({sequences, heads}, torch::kFloat32);
      const int64_t row = s * heads + head.head;
      gate.data_ptr<float>()[row] = 0;
      if (mask.mode() == MaskMode::zero) continue;
      torch::Tensor& mean = means[static_cast<size_t>(head.layer)];
      if (!mean.defined())
        mean = torch::zeros({sequences, heads, config.head_dim}, torch::kFloat32);
      const std::vector<float>& values = mask.means()[i];
      RETMASK_CHECK(static_cast<int64_t>(values.size()) == config.head_dim);
      std::copy(values.begin(), values.end(), mean.data_ptr<float>() + row * config.head_dim);
    }
  }
  const auto to_device = [&](const torch::Tensor& host) {
    return host.defined() ? upload(host.to(options.device(torch::kCPU)), options.device()) : host;
  };
  for (size_t layer = 0; layer < gates.size(); ++layer) {
    gates_[layer] = to_device(gates[layer]);
    means_[layer] = to_device(means[layer]);
  }
}

torch::Tensor AttentionProbe::largest_keys() const {
  return torch::stack(layers_, /*dim=*/1).cpu();
}

torch::Tensor AttentionRows::weights() const {
  const int64_t n = q.size(0);
  const int64_t num_heads = q.size(1);
  const int64_t num_kv_heads = keys.size(1);
  const torch::Tensor queries =  // [Hkv, H / Hkv * n, D]
      q.transpose(0, 1).reshape({num_kv_heads, -1, q.size(2)}).to(torch::kFloat32);
  const torch::Tensor scores =  // [H, n, K]
      torch::matmul(queries, keys.permute({1, 2, 0}).to(torch::kFloat32))
          .view({num_heads, n, keys.size(0)}) /
      std::sqrt(static_cast<double>(q.size(2)));
  const torch::Tensor hidden = ~visibility(n, keys.size(0), sliding_window, q.device());
  return scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()).softmax(-1);
}

torch::Tensor attention_reference(const torch::Tensor& q,
                                  const torch::Tensor& k,
                                  const torch::Tensor& v,
                                  std::optional<int64_t> sliding_window) {
  const torch::Tensor keys = repeat_heads(k, q.size(1)).transpose(0, 1);    // [H, K, D]
  const torch::Tensor values = repeat_heads(v, q.size(1)).transpose(0, 1);  // [H, K, D]
  const torch::Tensor queries = q.transpose(0, 1);                          // [H, t, D]
  const torch::Tensor hidden = ~visibility(q.size(0), k.size(0), sliding_window, q.device());
  const torch::Tensor scores =
      torch::matmul(queries, keys.transpose(1, 2)) / std::sqrt(static_cast<double>(q.size(2)));
  const torch::Tensor weights = scores.to(torch::kFloat32)
                                    .masked_fill(hidden, -std::numeric_limits<float>::infinity())
                                    .softmax(-1);  // [H, t, K]
  return torch::matmul(weights.to(v.scalar_type()), values).transpose(0, 1);
}

torch::Tensor attention(const torch::Tensor& q,
                        const torch::Tensor& k,
                        const torch::Tensor& v,
                        std::optional<int64_t> sliding_window) {
  const int64_t t = q.size(0);
  const int64_t num_keys = k.size(0);
  const bool window_matters = sliding_window && *sliding_window < num_keys;
  // A single query sees all of the newest `window` keys, and a whole sequence is plain causal:
  // neither needs a mask.
  if (t == 1 && window_matters) {
    return attention(q,
                     k.narrow(0, num_keys - *sliding_window, *sliding_window),
                     v.narrow(0, num_keys - *sliding_window, *sliding_window),
                     std::nullopt);
  }
  const bool causal = t > 1 && t == num_keys && !window_matters;
  std::optional<torch::Tensor> mask;
  if (t > 1 && !causal) mask = visibility(t, num_keys, sliding_window, q.device());
  // The kernels' grouped-query mode has no backward pass on every device, so training repeats the
  // heads.
  const bool repeat = torch::GradMode::is_enabled() && q.requires_grad();
  const torch::Tensor keys = repeat ? repeat_heads(k, q.size(1)) : k;
  const torch::Tensor values = repeat ? repeat_heads(v, q.size(1)) : v;
  return at::scaled_dot_product_attention(to_batch(q),
                                          to_batch(keys),
                                          to_batch(values),
                                          mask,
                                          /*dropout_p=*/0.0,
                                          causal,
                                          /*scale=*/std::nullopt,
                                          /*enable_gqa=*/keys.size(1) != q.size(1))
      .squeeze(0)
      .transpose(0, 1);
}

torch::Tensor unknown_keys(const PackedBatch& batch, int64_t num_heads, torch::Device device) {
  return torch::full({static_cast<int64_t>(batch.lengths.size()), num_heads},
                     AttentionProbe::kUnknown,
                     torch::TensorOptions(torch::kInt64).device(device));
}

torch::Tensor largest_key(const torch::Tensor& q,
                          const torch::Tensor& k,
                          std::optional<int64_t> sliding_window) {
  const int64_t num_keys = k.size(0);
  const int64_t first = sliding_window ? std::max<int64_t>(0, num_keys - *sliding_window) : 0;
  const int64_t num_kv_heads = k.size(1);
  // Softmax and the scale preserve the order, so the largest score is the largest weight.
  const torch::Tensor grouped =
      q.view({num_kv_heads, q.size(0) / num_kv_heads, q.size(1)}).to(torch::kFloat32);
  const torch::Tensor keys =
      k.narrow(0, first, num_keys - first).permute({1, 2, 0}).to(torch::kFloat32);  // [Hkv, D, K]
  return torch::matmul(grouped, keys).argmax(-1).view({q.size(0)}) + first;
}

}  // namespace retmask
