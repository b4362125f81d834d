#include "cuda_adamw.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include "retmask/kernels/cuda/adamw.h"

namespace retmask::train {

bool has_cuda_adamw() { return true; }

void cuda_adamw(const kernels::AdamWStep& step, const kernels::AdamWArrays& arrays, int64_t count) {
  kernels::cuda::adamw(step, arrays, count, c10::cuda::getCurrentCUDAStream().stream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace retmask::train
