// For builds without a CUDA compiler.

#include "cuda_ops.h"
#include "decoder_layer.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

[[noreturn]] void fail() { throw InternalError("built without CUDA kernels"); }

}  // namespace

bool has_cuda_kernels() { return false; }
bool has_cuda_decode(int64_t) { return false; }

CudaLayer make_cuda_layer(const LayerShape&, const LayerParameters&) { fail(); }

torch::Tensor cuda_silu_multiply(const torch::Tensor&, const torch::Tensor&) { fail(); }
SiluGradients cuda_silu_multiply_backward(const torch::Tensor&,
                                          const torch::Tensor&,
                                          const torch::Tensor&) {
  fail();
}
torch::Tensor cuda_rotate(const torch::Tensor&, const Rotation&) { fail(); }

}  // namespace retmask
