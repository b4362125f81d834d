#pragma once
// Kernel launches and dynamic shared memory, in the form that both nvcc and the CPU emulation
// (tests/cuda_emulation) compile.

#include <cstddef>

#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

// kernel<<<grid, block, shared_bytes, stream>>>(args...). An error is left for cudaGetLastError().
template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...),
            dim3 grid,
            dim3 block,
            size_t shared_bytes,
            Stream stream,
            const Args&... args) {
  const cudaLaunchConfig_t config{grid, block, shared_bytes, stream, nullptr, 0};
  static_cast<void>(cudaLaunchKernelEx(&config, kernel, args...));
}

// The block's dynamic shared memory, aligned to 16 bytes.
template <typename T>
__device__ T* dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ uint4 dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
#else
  return static_cast<T*>(cuda_emulation::dynamic_shared());
#endif
}

}  // namespace retmask::kernels::cuda
