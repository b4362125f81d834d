#pragma once
// AdamW on float32 weights stored as two 16-bit halves, on a GPU. All pointers are device memory;
// launch errors are left for cudaGetLastError().

#include <cstdint>

#include "retmask/kernels/adamw.h"
#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

// Updates `count` elements of all arrays but the gradient: 28 bytes of memory traffic per weight.
void adamw(const AdamWStep& step, const AdamWArrays& arrays, int64_t count, Stream stream);

}  // namespace retmask::kernels::cuda
