#pragma once
// The current stream for launches of our kernels. Only in files that are compiled with them.

#include <c10/cuda/CUDAException.h>  // C10_CUDA_KERNEL_LAUNCH_CHECK
#include <c10/cuda/CUDAStream.h>

#include "retmask/kernels/cuda/stream.h"

namespace retmask {

inline kernels::cuda::Stream current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

}  // namespace retmask
