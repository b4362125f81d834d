#pragma once
// Runs the blocks of a grid: what cuda.h calls for the kernels.

#include <cstddef>
#include <cstdint>
#include <string>

namespace retmask::cuda_emulation {

struct Extent {
  unsigned x, y, z;
  constexpr Extent(unsigned in_x = 1, unsigned in_y = 1, unsigned in_z = 1)
      : x(in_x), y(in_y), z(in_z) {}
};

// Constant for a thread: the compiler may merge calls, as it may merge reads of the registers on a
// GPU.
[[gnu::const]] Extent thread_index();
[[gnu::const]] Extent block_index();
[[gnu::const]] Extent block_extent();
[[gnu::const]] Extent grid_extent();
[[gnu::const]] int lane();

void sync_block();
// Warp operations: `mask` must name all lanes, and all must call.
void sync_warp(unsigned mask);
unsigned ballot(unsigned mask, bool vote);
// `value` of lane `source`. Orders no memory accesses.
uint64_t exchange(unsigned mask, uint64_t value, int source);
// The product on tensor cores that mma.cuh describes.
void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

// The default limit of a launch.
inline constexpr size_t kMaxDynamicBytes = 48 << 10;
void* dynamic_shared();
void check_alignment(const void* address, size_t alignment);

// Logs the access of an atomic operation.
void note_atomic(const void* address, size_t size);
// Runs whole, since fibers switch only in the functions above.
template <typename T, typename Change>
[[gnu::no_sanitize_thread]] T atomic(T* at, const Change& change) {
  note_atomic(at, sizeof(T));
  const T before = *at;
  *at = change(before);
  return before;
}

struct Memory {
  const void* begin;
  size_t size;
};
// Runs `kernel(parameters.begin)` by all threads. Does nothing after a fault, until it is taken.
void run_grid(Extent grid,
              Extent block,
              size_t dynamic_bytes,
              void (*kernel)(const void* parameters),
              Memory parameters);

// The first fault since the last call; empty if there was none.
std::string take_fault();

}  // namespace retmask::cuda_emulation
