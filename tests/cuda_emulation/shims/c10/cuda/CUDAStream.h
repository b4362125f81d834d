#pragma once
// In the place of libtorch's header: the emulation has one stream.

#include "retmask/kernels/cuda/stream.h"

namespace retmask::cuda_emulation {
struct OnlyStream {
  kernels::cuda::Stream stream() const { return nullptr; }
};
}  // namespace retmask::cuda_emulation

namespace c10::cuda {
inline retmask::cuda_emulation::OnlyStream getCurrentCUDAStream() { return {}; }
}  // namespace c10::cuda
