#include "packed_attention.h"

#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>

#include <algorithm>
#include <limits>

#include "flash_window.h"
#include "retmask/model/attention.h"
#include "visibility.h"

namespace retmask {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr double kNoDropout = 0.0;

// libtorch's flash attention of the CPU, one sequence at a time. A key/value head and its group of
// query heads become one element of the kernel's batch, so that the group reads one copy.
class CpuSequence {
 public:
  CpuSequence(int64_t start, int64_t length, int64_t num_kv_heads, std::optional<int64_t> window)
      : start_(start), length_(length), num_kv_heads_(num_kv_heads) {
    if (!window || *window >= length) return;
    const torch::Tensor hidden = ~visibility(length, length, window, torch::kCPU);
    window_mask_ = torch::zeros({length, length})
                       .masked_fill_(hidden, -std::numeric_limits<float>::infinity());
  }

  // x [T, Hkv * n, D] -> [Hkv, n, length, D], a view.
  torch::Tensor fold(const torch::Tensor& x) const {
    return x.narrow(0, start_, length_)
        .unflatten(1, {num_kv_heads_, x.size(1) / num_kv_heads_})
        .permute({1, 2, 0, 3});
  }
  // The same for keys and values: each serves `group` heads.
  torch::Tensor fold(const torch::Tensor& x, int64_t group) const {
    return fold(x).expand({-1, group, -1, -1});
  }
  std::optional<torch::Tensor> mask(torch::ScalarType dtype) const {
    return window_mask_.defined() ? std::optional(window_mask_.to(dtype)) : std::nullopt;
  }
  bool causal() const { return !window_mask_.defined(); }
  torch::Tensor own(const torch::Tensor& x) const { return x.narrow(0, start_, length_); }

 private:
  int64_t start_;
  int64_t length_;
  int64_t num_kv_heads_;
  torch::Tensor window_mask_;  // [length, length], where the window matters
};

class CpuAttention : public torch::autograd::Function<CpuAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& q,
                               const torch::Tensor& k,
                               const torch::Tensor& v,
                               const std::vector<int64_t>& lengths,
                               std::optional<int64_t> window) {
    const int64_t group = q.size(1) / k.size(1);
    torch::Tensor out = torch::empty(q.sizes(), q.options());
    torch::Tensor sums = torch::empty({q.size(0), q.size(1)}, torch::kFloat32);  // log-sum-exp
    for_each_sequence(lengths, k.size(1), window, [&](const CpuSequence& sequence) {
      const auto [attended, sum] =
          at::_scaled_dot_product_flash_attention_for_cpu(sequence.fold(q),
                                                          sequence.fold(k, group),
                                                          sequence.fold(v, group),
                                                          kNoDropout,
                                                          sequence.causal(),
                                                          sequence.mask(q.scalar_type()));
      sequence.fold(out).copy_(attended);
      sequence.fold(sums.unsqueeze(2)).copy_(sum.unsqueeze(3));
    });
    context->save_for_backward({q, k, v, out, sums});
    context->saved_data["lengths"] = lengths;
    context->saved_data["window"] = window;
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    const torch::Tensor& q = saved[0];
    const torch::Tensor& k = saved[1];
    const int64_t group = q.size(1) / k.size(1);
    torch::Tensor dq = torch::empty(q.sizes(), q.options());
    torch::Tensor dk = torch::empty(k.sizes(), k.options());
    torch::Tensor dv = torch::empty(k.sizes(), k.options());
    const auto lengths = context->saved_data["lengths"].toIntVector();
    const auto window = context->saved_data["window"].toOptional<int64_t>();
    for_each_sequence(lengths, k.size(1), window, [&](const CpuSequence& sequence) {
      const auto [q_part, k_part, v_part] =
          at::_scaled_dot_product_flash_attention_for_cpu_backward(
              sequence.fold(grad_outputs[0]),
              sequence.fold(q),
              sequence.fold(k, group),
              sequence.fold(saved[2], group),
              sequence.fold(saved[3]),
              sequence.fold(saved[4].unsqueeze(2)).squeeze(3).contiguous(),
              kNoDropout,
              sequence.causal(),
              sequence.mask(q.scalar_type()));
      sequence.fold(dq).copy_(q_part);
      sequence.fold(dk).copy_(k_part.sum(1, /*keepdim=*/true));
      sequence.fold(dv).copy_(v_part.sum(1, /*keepdim=*/true));
    });
    return {dq, dk, dv, {}, {}};
  }

 private:
  template <typename Visit>
  static void for_each_sequence(const std::vector<int64_t>& lengths,
                                int64_t num_kv_heads,
                                std::optional<int64_t> window,
                                const Visit& visit) {
    int64_t start = 0;
    for (const int64_t length : lengths) {
      visit(CpuSequence(start, length, num_kv_heads, window));
      start += length;
    }
  }
};

// libtorch's variable-length flash attention: all sequences in one launch.
class CudaAttention : public torch::autograd::Function<CudaAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& q,
                               const torch::Tensor& k,
                               const torch::Tensor& v,
                               const std::vector<int64_t>& lengths,
                               std::optional<int64_t> sliding_window) {
    const FlashWindow window(sliding_window);
    std::vector<int32_t> ends = {0};
    for (const int64_t length : lengths) ends.push_back(ends.back() + static_cast<int32_t>(length));
    const torch::Tensor starts = torch::tensor(ends, torch::kInt32).to(q.device());  // [S + 1]
    const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
    const auto [out, sums, random, unused, debug] =
        at::_flash_attention_forward(q,
                                     k,
                                     v,
                                     starts,
                                     starts,
                                     longest,
                                     longest,
                                     kNoDropout,
                                     /*is_causal=*/true,
                                     /*return_debug_mask=*/false,
                                     std::optional<double>(),
                                     window.left,
                                     window.right);
    context->save_for_backward({q, k, v, out, sums, starts, random, unused});
    context->saved_data["longest"] = longest;
    context->saved_data["window"] = sliding_window;
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    const int64_t longest = context->saved_data["longest"].toInt();
    const FlashWindow window(context->saved_data["window"].toOptional<int64_t>());
    const auto [dq, dk, dv] = at::_flash_attention_backward(grad_outputs[0].contiguous(),
                                                            saved[0],
                                                            saved[1],
                                                            saved[2],
                                                            saved[3],
                                                            saved[4],
                                                            saved[5],
                                                            saved[5],
                                                            longest,
                                                            longest,
                                                            kNoDropout,
                                                            /*is_causal=*/true,
                                                            saved[6],
                                                            saved[7],
                                                            std::optional<double>(),
                                                            window.left,
                                                            window.right);
    return {dq, dk, dv, {}, {}};
  }
};

}  // namespace

torch::Tensor packed_attention(const torch::Tensor& q,
                               const torch::Tensor& k,
                               const torch::Tensor& v,
                               const std::vector<int64_t>& lengths,
                               std::optional<int64_t> sliding_window) {
  if (q.is_cpu())
    return CpuAttention::apply(
        q.contiguous(), k.contiguous(), v.contiguous(), lengths, sliding_window);
  if (q.scalar_type() == torch::kBFloat16)
    return CudaAttention::apply(
        q.contiguous(), k.contiguous(), v.contiguous(), lengths, sliding_window);
  // float32 on a GPU, which flash attention does not know.
  std::vector<torch::Tensor> outputs;
  const auto queries = q.split_with_sizes(lengths);
  const auto keys = k.split_with_sizes(lengths);
  const auto values = v.split_with_sizes(lengths);
  for (size_t s = 0; s < lengths.size(); ++s)
    outputs.push_back(attention(queries[s], keys[s], values[s], sliding_window));
  return torch::cat(outputs);
}

}  // namespace retmask
