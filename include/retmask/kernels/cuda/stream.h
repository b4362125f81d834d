#pragma once
// CUDA stream type for kernel launches, without CUDA headers.

struct CUstream_st;

namespace retmask::kernels::cuda {

using Stream = CUstream_st*;  // cudaStream_t

}  // namespace retmask::kernels::cuda
