#include "head_logprobs.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <algorithm>

#include "cpu_dispatch.h"
#include "products.h"
#include "retmask/kernels/row_gradients.h"
#include "retmask/model/language_model.h"

namespace retmask {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Bytes of one chunk of logits: large enough for full-speed products.
constexpr int64_t kCpuChunkBytes = int64_t{1} << 27;
constexpr int64_t kGpuChunkBytes = int64_t{1} << 29;
constexpr int64_t kGpuTileRows = 128;  // of a GPU's matrix products

// log(sum(exp(logits))) of each row: [n] float32.
torch::Tensor log_sum_exp(const torch::Tensor& logits) {
  if (!logits.is_cpu()) return logits.to(torch::kFloat32).logsumexp(1);
  torch::Tensor sums = torch::empty({logits.size(0)}, torch::kFloat32);
  const int64_t vocab_size = logits.size(1);
  with_element(logits.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    at::parallel_for(0, logits.size(0), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        sums.data_ptr<float>()[row] =
            kernels::log_sum_exp(data_of<Element>(logits) + row * vocab_size, vocab_size);
      }
    });
  });
  return sums;
}

// In place: the gradient of scale * log softmax(logits)[target] for each row.
void log_softmax_backward(const torch::Tensor& logits,
                          const torch::Tensor& targets,
                          const torch::Tensor& sums,
                          const torch::Tensor& scales) {
  if (!logits.is_cpu()) {
    const torch::Tensor scale = scales.unsqueeze(1);  // [n, 1]
    const torch::Tensor softmax = (logits - sums.unsqueeze(1)).exp_();
    // In float32: near probability 1 the two terms cancel.
    logits.copy_(softmax.mul_(-scale).scatter_add_(1, targets.unsqueeze(1), scale));
    return;
  }
  const int64_t vocab_size = logits.size(1);
  const auto* target = targets.const_data_ptr<int64_t>();
  const auto* sum = sums.const_data_ptr<float>();
  const auto* scale = scales.const_data_ptr<float>();
  with_element(logits.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    at::parallel_for(0, logits.size(0), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        kernels::log_softmax_backward(mutable_data_of<Element>(logits) + row * vocab_size,
                                      vocab_size,
                                      target[row],
                                      sum[row],
                                      scale[row]);
      }
    });
  });
}

// hidden [n, hidden_size] times the head's weight, which is widened already; in hidden's dtype.
torch::Tensor logits_of(const torch::Tensor& hidden, const torch::Tensor& factor) {
  return widened(hidden).mm(factor.t()).to(hidden.scalar_type());
}

class HeadLogprobs : public torch::autograd::Function<HeadLogprobs> {
 public:
  static torch::Tensor forward(AutogradContext* context,
                               const torch::Tensor& hidden,
                               const torch::Tensor& weight,
                               const torch::Tensor& targets) {
    const int64_t n = hidden.size(0);
    const int64_t chunk = head_chunk_rows(weight.size(0), weight.scalar_type(), weight.device());
    torch::Tensor sums = torch::empty({n}, hidden.options().dtype(torch::kFloat32));
    torch::Tensor logprobs = torch::empty_like(sums);
    const torch::Tensor factor = widened(weight);
    for (int64_t begin = 0; begin < n; begin += chunk) {
      const int64_t rows = std::min(chunk, n - begin);
      const torch::Tensor logits = logits_of(hidden.narrow(0, begin, rows), factor);
      const torch::Tensor sum = log_sum_exp(logits);
      sums.narrow(0, begin, rows).copy_(sum);
      logprobs.narrow(0, begin, rows)
          .copy_(logits.gather(1, targets.narrow(0, begin, rows).unsqueeze(1)).squeeze(1) - sum);
    }
    context->save_for_backward({hidden, weight, targets, sums});
    return logprobs;
  }

  static tensor_list backward(AutogradContext* context, tensor_list grad_outputs) {
    const tensor_list saved = context->get_saved_variables();
    const torch::Tensor& hidden = saved[0];
    const torch::Tensor& weight = saved[1];
    const torch::Tensor scales = grad_outputs[0].contiguous();  // [n]
    const int64_t n = hidden.size(0);
    const int64_t chunk = head_chunk_rows(weight.size(0), weight.scalar_type(), weight.device());
    const torch::Tensor factor = widened(weight);
    torch::Tensor dhidden = torch::empty_like(hidden);
    torch::Tensor dweight;
    for (int64_t begin = 0; begin < n; begin += chunk) {
      const int64_t rows = std::min(chunk, n - begin);
      const auto part = [&](const torch::Tensor& all) { return all.narrow(0, begin, rows); };
      const torch::Tensor logits = logits_of(part(hidden), factor);
      log_softmax_backward(logits, part(saved[2]), part(saved[3]), part(scales));
      const torch::Tensor dlogits = widened(logits);
      part(dhidden).copy_(dlogits.mm(factor));
      const torch::Tensor states = widened(part(hidden));
      if (dweight.defined())
        dweight.addmm_(dlogits.t(), states);
      else
        dweight = dlogits.t().mm(states);
    }
    if (n == 0) dweight = torch::zeros_like(weight);
    return {dhidden, dweight.to(weight.scalar_type()), {}};
  }
};

}  // namespace

int64_t head_chunk_rows(int64_t vocab_size, torch::ScalarType dtype, torch::Device device) {
  auto row_bytes = vocab_size * static_cast<int64_t>(torch::elementSize(dtype));
  if (widens_products(dtype, device)) row_bytes += vocab_size * int64_t{sizeof(float)};
  if (device.is_cpu()) return std::max<int64_t>(1, kCpuChunkBytes / row_bytes);
  return std::max<int64_t>(1, kGpuChunkBytes / row_bytes / kGpuTileRows) * kGpuTileRows;
}

torch::Tensor gather_logprobs(const torch::Tensor& logits, const torch::Tensor& targets) {
  return logits.gather(1, targets.unsqueeze(1)).squeeze(1).to(torch::kFloat32) -
         log_sum_exp(logits);
}

torch::Tensor head_logprobs(const torch::Tensor& hidden,
                            const torch::Tensor& weight,
                            const torch::Tensor& targets) {
  return HeadLogprobs::apply(hidden, weight, targets);
}

torch::Tensor head_logprobs_reference(const torch::Tensor& hidden,
                                      const torch::Tensor& weight,
                                      const torch::Tensor& targets) {
  const torch::Tensor logits = hidden.mm(weight.t()).to(torch::kFloat32);  // [n, vocab_size]
  return logits.log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1);
}

}  // namespace retmask
