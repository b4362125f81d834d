#include "cuda_ops.h"

#include "cpu_dispatch.h"
#include "cuda_stream.h"
#include "retmask/kernels/cuda/rotate.h"
#include "retmask/kernels/cuda/silu.h"

namespace retmask {

bool has_cuda_kernels() { return true; }

torch::Tensor cuda_silu_multiply(const torch::Tensor& gate, const torch::Tensor& up) {
  RETMASK_CHECK(gate.dim() == 2 && gate.stride(1) == 1 && gate.strides() == up.strides());
  torch::Tensor out = torch::empty(gate.sizes(), gate.options());
  with_element(gate.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    kernels::cuda::silu_multiply(
        kernels::cuda::SiluMultiply<Element>{.gate = data_of<Element>(gate),
                                             .up = data_of<Element>(up),
                                             .stride = gate.stride(0),
                                             .rows = gate.size(0),
                                             .width = gate.size(1),
                                             .out = mutable_data_of<Element>(out)},
        current_stream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

SiluGradients cuda_silu_multiply_backward(const torch::Tensor& gate,
                                          const torch::Tensor& up,
                                          const torch::Tensor& dy) {
  for (const torch::Tensor& x : {gate, up, dy})
    RETMASK_CHECK(x.is_contiguous() && x.sizes() == gate.sizes());
  SiluGradients gradients{torch::empty_like(gate), torch::empty_like(up)};
  with_element(gate.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    kernels::cuda::silu_multiply_backward(
        kernels::SiluMultiplyGradient<Element>{.gate = data_of<Element>(gate),
                                               .up = data_of<Element>(up),
                                               .dy = data_of<Element>(dy),
                                               .dgate = mutable_data_of<Element>(gradients.dgate),
                                               .dup = mutable_data_of<Element>(gradients.dup)},
        gate.numel(),
        current_stream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return gradients;
}

torch::Tensor cuda_rotate(const torch::Tensor& x, const Rotation& rotation) {
  RETMASK_CHECK(x.dim() == 3 && x.stride(2) == 1 && x.stride(1) == x.size(2));
  RETMASK_CHECK(x.size(2) <= kernels::cuda::kMaxHeadDim);
  RETMASK_CHECK(rotation.cos.is_contiguous() && rotation.sin.is_contiguous());
  torch::Tensor y = torch::empty(x.sizes(), x.options());
  with_element(x.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    kernels::cuda::rotate(
        kernels::cuda::Rotate<Element>{.x = data_of<Element>(x),
                                       .stride = x.stride(0),
                                       .tokens = x.size(0),
                                       .heads = x.size(1),
                                       .head_dim = x.size(2),
                                       .cos = rotation.cos.template const_data_ptr<float>(),
                                       .sin = rotation.sin.template const_data_ptr<float>(),
                                       .y = mutable_data_of<Element>(y)},
        current_stream());
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

}  // namespace retmask
