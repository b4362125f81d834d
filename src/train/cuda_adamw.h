#pragma once
// kernels::cuda::adamw on the current stream. In builds without a CUDA compiler (no_cuda_adamw.cpp)
// has_cuda_adamw() is false and cuda_adamw() throws.

#include <cstdint>

#include "retmask/kernels/adamw.h"

namespace retmask::train {

bool has_cuda_adamw();
void cuda_adamw(const kernels::AdamWStep& step, const kernels::AdamWArrays& arrays, int64_t count);

}  // namespace retmask::train
