// For builds without a CUDA compiler.

#include "cuda_adamw.h"
#include "retmask/base/error.h"

namespace retmask::train {

bool has_cuda_adamw() { return false; }

void cuda_adamw(const kernels::AdamWStep&, const kernels::AdamWArrays&, int64_t) {
  throw InternalError("built without CUDA kernels");
}

}  // namespace retmask::train
