#include "sequence_attention.h"

#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <torch/autograd.h>

#include <algorithm>

#include "cpu_dispatch.h"
#include "flash_window.h"
#include "retmask/kernels/sequence_attention.h"
#include "retmask/model/attention.h"
#include "varlen_attention.h"

namespace retmask {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr double kNoDropout = 0.0;

// Work items for the threads: one key/value head of one sequence with its group of query heads.
// Longest sequences first, so that no long one is left for the end.
class CpuTasks {
 public:
  struct Task {
    int64_t start;  // of the sequence, in tokens
    int64_t length;
    int64_t key_value_head;
  };

  CpuTasks(const std::vector<int64_t>& lengths, int64_t num_key_value_heads) {
    int64_t start = 0;
    for (const int64_t length : lengths) {
      for (int64_t head = 0; head < num_key_value_heads; ++head)
        tasks_.push_back({start, length, head});
      start += length;
    }
    std::stable_sort(tasks_.begin(), tasks_.end(), [](const Task& a, const Task& b) {
      return a.length > b.length;
    });
  }

  // Calls run(task, scratch) once for every task.
  template <typename Run>
  void for_each(const Run& run) const {
    run_tasks(static_cast<int64_t>(tasks_.size()), [&](int64_t i, std::vector<float>& scratch) {
      run(tasks_[static_cast<size_t>(i)], scratch);
    });
  }

 private:
  std::vector<Task> tasks_;
};

// Offset of a task in x [T, heads, ...]: its first token's key/value head, or the first of the
// query heads that it serves.
int64_t first_element(const torch::Tensor& x, const CpuTasks::Task& task, int64_t heads) {
  return task.start * x.stride(0) + task.key_value_head * heads * x.stride(1);
}

template <typename Element>
kernels::Rows<const Element> rows_of(const torch::Tensor& x,
                                     const CpuTasks::Task& task,
                                     int64_t heads) {
  return {data_of<Element>(x) + first_element(x, task, heads), x.stride(0)};
}
template <typename Element>
kernels::Rows<Element> mutable_rows_of(const torch::Tensor& x,
                                       const CpuTasks::Task& task,
                                       int64_t heads) {
  return {mutable_data_of<Element>(x) + first_element(x, task, heads), x.stride(0)};
}

kernels::SequenceShape shape_of(const CpuTasks::Task& task,
                                int64_t group,
                                int64_t head_dim,
                                std::optional<int64_t> window) {
  return {.tokens = task.length,
          .group = group,
          .head_dim = head_dim,
          .window = window.value_or(task.length)};
}

class CpuAttention : public torch::autograd::Function<CpuAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& q,
                               const torch::Tensor& k,
                               const torch::Tensor& v,
                               const std::vector<int64_t>& lengths,
                               std::optional<int64_t> window) {
    const int64_t group = q.size(1) / k.size(1);
    const torch::Tensor out = torch::empty(q.sizes(), q.options());
    const torch::Tensor sums = torch::empty({q.size(0), q.size(1)}, torch::kFloat32);
    with_element(q.scalar_type(), [&](auto element) {
      using Element = decltype(element);
      CpuTasks(lengths, k.size(1)).for_each([&](const CpuTasks::Task& task, auto& scratch) {
        kernels::attend(
            kernels::SequenceAttention<Element>{
                .shape = shape_of(task, group, q.size(2), window),
                .q = rows_of<Element>(q, task, group),
                .k = rows_of<Element>(k, task, 1),
                .v = rows_of<Element>(v, task, 1),
                .out = mutable_rows_of<Element>(out, task, group),
                .log_sums = mutable_rows_of<float>(sums, task, group)},
            scratch);
      });
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
    const torch::Tensor dout = grad_outputs[0].contiguous();
    const int64_t group = q.size(1) / k.size(1);
    const torch::Tensor dq = torch::empty(q.sizes(), q.options());
    const torch::Tensor dk = torch::empty(k.sizes(), k.options());
    const torch::Tensor dv = torch::empty(k.sizes(), k.options());
    const auto lengths = context->saved_data["lengths"].toIntVector();
    const auto window = context->saved_data["window"].toOptional<int64_t>();
    with_element(q.scalar_type(), [&](auto element) {
      using Element = decltype(element);
      CpuTasks(lengths, k.size(1)).for_each([&](const CpuTasks::Task& task, auto& scratch) {
        kernels::attend_backward(
            kernels::SequenceAttentionGradient<Element>{
                .shape = shape_of(task, group, q.size(2), window),
                .q = rows_of<Element>(q, task, group),
                .k = rows_of<Element>(k, task, 1),
                .v = rows_of<Element>(saved[2], task, 1),
                .out = rows_of<Element>(saved[3], task, group),
                .log_sums = rows_of<float>(saved[4], task, group),
                .dout = rows_of<Element>(dout, task, group),
                .dq = mutable_rows_of<Element>(dq, task, group),
                .dk = mutable_rows_of<Element>(dk, task, 1),
                .dv = mutable_rows_of<Element>(dv, task, 1)},
            scratch);
      });
    });
    return {dq, dk, dv, {}, {}};
  }
};

// libtorch's variable-length flash attention: all sequences in one launch.
class CudaAttention : public torch::autograd::Function<CudaAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& q,
                               const torch::Tensor& k,
                               const torch::Tensor& v,
                               const torch::Tensor& starts,
                               int64_t longest,
                               std::optional<int64_t> sliding_window) {
    const FlashWindow window(sliding_window);
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
    return {dq, dk, dv, {}, {}, {}};
  }
};

}  // namespace

torch::Tensor sequence_attention(const torch::Tensor& q,
                                 const torch::Tensor& k,
                                 const torch::Tensor& v,
                                 const std::vector<int64_t>& lengths,
                                 std::optional<int64_t> sliding_window,
                                 const VarlenPlan* plan) {
  if (q.is_cpu())
    return CpuAttention::apply(
        q.contiguous(), k.contiguous(), v.contiguous(), lengths, sliding_window);
  if (plan != nullptr) {
    return CudaAttention::apply(q.contiguous(),
                                k.contiguous(),
                                v.contiguous(),
                                plan->query_starts,
                                plan->longest_query,
                                sliding_window);
  }
  // float32 on a GPU, which flash attention does not support.
  std::vector<torch::Tensor> outputs;
  const auto queries = q.split_with_sizes(lengths);
  const auto keys = k.split_with_sizes(lengths);
  const auto values = v.split_with_sizes(lengths);
  for (size_t s = 0; s < lengths.size(); ++s)
    outputs.push_back(attention(queries[s], keys[s], values[s], sliding_window));
  return torch::cat(outputs);
}

}  // namespace retmask
