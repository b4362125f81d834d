#pragma once
// CUDA's names for kernels that run on the CPU: included before a .cu file that GCC compiles as C++
// with -fsanitize=thread. The kernels' source is unchanged.
//
// Emulated: grids and blocks (one block after another, its threads as fibers), __syncthreads,
// __syncwarp, shuffles, votes and tensor-core products of whole warps, atomics, static and dynamic
// shared memory.
//
// Found, as a fault that the next download or synchronisation throws:
//  - a race: two threads access a byte of shared memory, one of them writes, and no __syncthreads,
//    nor __syncwarp within a warp, orders them (a shuffle does not, as on a GPU). Found from the
//    accesses alone, whatever order the emulation runs the threads in;
//  - a read of shared memory that the block has not written;
//  - an access outside the launch's parameters, device arrays and shared memory, or misaligned;
//  - a barrier or warp operation that not all threads reach.
//
// Not emulated: lanes in lockstep (threads run freely between synchronisations), operations of some
// lanes of a warp, blocks that are not whole warps, blocks at the same time, races on device
// memory, streams, inline PTX, the GPU's rounding of exp2f and the like, speed. What is not
// declared here is used by no kernel.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "cuda_emulation/block.h"
#include "retmask/kernels/cuda/stream.h"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
// One block runs at a time. A kernel's only static variables are those in shared memory.
#define __shared__ static

namespace cuda_emulation = retmask::cuda_emulation;
using dim3 = cuda_emulation::Extent;

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

template <typename T>
T __ldg(const T* from) {
  cuda_emulation::check_alignment(from, sizeof(T));
  return *from;
}

// Conversions.
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
namespace retmask::cuda_emulation {
inline unsigned long long saturate(double whole) {
  if (whole != whole) return 1ULL << 63;
  if (whole <= 0) return 0;
  return whole >= 0x1p64 ? ~0ULL : static_cast<unsigned long long>(whole);
}
}  // namespace retmask::cuda_emulation
inline unsigned long long __float2ull_rn(float value) {
  return cuda_emulation::saturate(std::nearbyint(value));
}
inline unsigned long long __double2ull_ru(double value) {
  return cuda_emulation::saturate(std::ceil(value));
}
// Byte i of the result is the byte of `first` (0 .. 3) or `second` (4 .. 7) that hexadecimal digit
// i of `selector` names.
inline unsigned __byte_perm(unsigned first, unsigned second, unsigned selector) {
  const uint64_t bytes = static_cast<uint64_t>(second) << 32 | first;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned from = selector >> (4 * i) & 7U;
    result |= static_cast<unsigned>(bytes >> (8 * from) & 0xffU) << (8 * i);
  }
  return result;
}
inline int __ffs(int value) { return __builtin_ffs(value); }

// Warps.
namespace retmask::cuda_emulation {
template <typename T>
T shuffle(unsigned mask, T value, int source) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(mask, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
}  // namespace retmask::cuda_emulation
template <typename T>
T __shfl_sync(unsigned mask, T value, int lane) {
  return cuda_emulation::shuffle(mask, value, lane % 32);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int distance) {
  return cuda_emulation::shuffle(mask, value, cuda_emulation::lane() ^ distance);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, int distance) {
  const int lane = cuda_emulation::lane();
  return cuda_emulation::shuffle(mask, value, lane >= distance ? lane - distance : lane);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, int distance) {
  const int lane = cuda_emulation::lane();
  return cuda_emulation::shuffle(mask, value, lane + distance < 32 ? lane + distance : lane);
}
inline unsigned __ballot_sync(unsigned mask, bool vote) {
  return cuda_emulation::ballot(mask, vote);
}
inline void __syncwarp(unsigned mask = 0xffffffffU) { cuda_emulation::sync_warp(mask); }
inline void __syncthreads() { cuda_emulation::sync_block(); }

// Atomics.
template <typename T>
T atomicAdd(T* to, std::type_identity_t<T> value) {
  return cuda_emulation::atomic(to, [value](T before) { return static_cast<T>(before + value); });
}

// Launches.
struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes = 0;
  retmask::kernels::cuda::Stream stream = nullptr;
  const void* attrs = nullptr;
  unsigned numAttrs = 0;
};
template <typename... Params, typename... Args>
int cudaLaunchKernelEx(const cudaLaunchConfig_t* config,
                       void (*kernel)(Params...),
                       const Args&... args) {
  using Call = std::tuple<void (*)(Params...), std::remove_const_t<Params>...>;
  const Call call{kernel, args...};
  const auto run = [](const void* parameters) {
    std::apply([](auto* function, const auto&... values) { function(values...); },
               *static_cast<const Call*>(parameters));
  };
  cuda_emulation::run_grid(
      config->gridDim, config->blockDim, config->dynamicSmemBytes, run, {&call, sizeof call});
  return 0;
}

// Last, since cudaLaunchConfig_t has members of these names.
#define threadIdx (::cuda_emulation::thread_index())
#define blockIdx (::cuda_emulation::block_index())
#define blockDim (::cuda_emulation::block_extent())
#define gridDim (::cuda_emulation::grid_extent())
