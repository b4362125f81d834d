#include "cpu_ops.h"

#include <ATen/Parallel.h>

#include "cpu_dispatch.h"
#include "retmask/kernels/rows.h"

namespace retmask {

torch::Tensor cpu_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  RETMASK_CHECK(x.dim() == 2 && x.stride(1) == 1);
  const int64_t width = x.size(1);
  torch::Tensor out = torch::empty({x.size(0), width}, x.options());
  with_element(x.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    at::parallel_for(0, x.size(0), rows_per_thread(width), [&](int64_t begin, int64_t end) {
      kernels::rms_norm(data_of<Element>(x) + begin * x.stride(0),
                        x.stride(0),
                        data_of<Element>(weight),
                        end - begin,
                        width,
                        static_cast<float>(eps),
                        mutable_data_of<Element>(out) + begin * width,
                        width);
    });
  });
  return out;
}

torch::Tensor cpu_silu_multiply(const torch::Tensor& gate_up) {
  const int64_t width = gate_up.size(1) / 2;
  torch::Tensor out = torch::empty({gate_up.size(0), width}, gate_up.options());
  with_element(gate_up.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    at::parallel_for(0, gate_up.size(0), rows_per_thread(width), [&](int64_t begin, int64_t end) {
      kernels::silu_multiply(data_of<Element>(gate_up) + begin * 2 * width,
                             end - begin,
                             width,
                             mutable_data_of<Element>(out) + begin * width);
    });
  });
  return out;
}

void cpu_rotate_heads(const torch::Tensor& heads,
                      const RmsNorm& norm,
                      QkNorm kind,
                      const Rotation& rotation) {
  const int64_t count = heads.size(1);
  const int64_t dim = heads.size(2);
  RETMASK_CHECK(heads.stride(2) == 1 && heads.stride(1) == dim);
  const float* cos = rotation.cos.const_data_ptr<float>();
  const float* sin = rotation.sin.const_data_ptr<float>();
  with_element(heads.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    // Normalised in groups of the norm's width: one head, or all heads together.
    const int64_t width = kind == QkNorm::per_head ? dim : count * dim;
    const Element* weight = kind == QkNorm::none ? nullptr : data_of<Element>(norm->weight);
    const auto token = [&](int64_t t) {
      Element* x = mutable_data_of<Element>(heads) + t * heads.stride(0);
      if (weight != nullptr) {
        kernels::rms_norm(
            x, width, weight, count * dim / width, width, static_cast<float>(norm->eps), x, width);
      }
      kernels::rotate(x, count, dim, cos + t * dim / 2, sin + t * dim / 2, x, dim);
    };
    at::parallel_for(
        0, heads.size(0), rows_per_thread(count * dim), [&](int64_t begin, int64_t end) {
          for (int64_t t = begin; t < end; ++t) token(t);
        });
  });
}

}  // namespace retmask
