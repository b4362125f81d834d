#pragma once
// Small kernels with one fault each, and the same without it.

#include <cstdint>

namespace retmask::testing {

inline constexpr int kThreads = 64;

// Runs `kernel` with kThreads threads on `data` [kThreads], which holds 0 .. kThreads - 1.
void rotate_by_a_warp(int* data, bool has_barrier);    // data[i] = data[(i + 32) % 64]
void rotate_by_a_lane(int* data, bool has_warp_sync);  // within each warp
void shuffle_by_a_lane(int* data, bool by_all_lanes);  // the same by a shuffle
enum class Count { kPlain, kAtomic, kAtomicWithoutBarrier };
void count_twice(int* data, Count count);  // data[i] = 2, by two threads each
struct Readers {
  int threads;
  int writer;
  bool have_warp_sync;
};
void read_then_write(int* data,
                     Readers readers);  // data[i] = 7, read by `threads`, overwritten by one
void read_of_nobody(int* data, bool was_written);          // data[i] = i
void read_dynamic(int* data, int size);                    // data[i] = i, for size = kThreads
void barrier_of_some(int* data, bool of_all);              // data[i] = i
void read_next(int* data, int distance);                   // data[0] = data[distance]
void load_vector_from(const int* data, int at, int* out);  // out[0] = data[at + 3]
void reduce_each_block(const int* data, int* sums);        // sums [3], of blocks of 8 x 4 x 2
// 1 + a b on tensor cores: register i of lane l is a[32 * i + l], of 4 registers, and so on.
void multiply(const uint32_t* a, const uint32_t* b, float* d, bool by_all_lanes);

}  // namespace retmask::testing
