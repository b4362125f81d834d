// For builds without a CUDA compiler: never called, because has_cuda_kernels() is false.

#include "cuda_ops.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

[[noreturn]] void fail() { throw InternalError("built without CUDA kernels"); }

}  // namespace

bool has_cuda_kernels() { return false; }
bool has_cuda_decode(int64_t) { return false; }

torch::Tensor cuda_silu_multiply(const torch::Tensor&) { fail(); }

void cuda_rotate_and_store(const ProjectedHeads&,
                           const RmsNorm&,
                           const RmsNorm&,
                           const Rotation&,
                           int64_t,
                           const DecodeBatch&) {
  fail();
}

torch::Tensor cuda_decode_attention(const torch::Tensor&,
                                    std::optional<int64_t>,
                                    int64_t,
                                    const DecodeBatch&) {
  fail();
}

}  // namespace retmask
