#pragma once
// The CUDA stream that a kernel is launched on, without CUDA's headers.

struct CUstream_st;

namespace retmask::kernels::cuda {

using Stream = CUstream_st*;  // cudaStream_t

}  // namespace retmask::kernels::cuda
