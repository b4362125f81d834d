#include "cuda_emulation/test_kernels.h"
#include "launch.cuh"
#include "mma.cuh"

namespace retmask::testing {
namespace {

using kernels::cuda::dynamic_shared;
using kernels::cuda::launch;

constexpr unsigned kAllLanes = 0xffffffffU;

__global__ void rotate_by_a_warp_kernel(int* data, bool has_barrier) {
  __shared__ int values[kThreads];
  const unsigned i = threadIdx.x;
  values[i] = 0;
  __syncthreads();
  values[i] = data[i];
  if (has_barrier) __syncthreads();
  data[i] = values[(i + 32) % kThreads];
}

__global__ void rotate_by_a_lane_kernel(int* data, bool has_warp_sync) {
  __shared__ int values[kThreads];
  const unsigned i = threadIdx.x;
  values[i] = 0;
  __syncwarp();
  values[i] = data[i];
  const int same = __shfl_xor_sync(kAllLanes, data[i], 0);  // orders nothing
  if (has_warp_sync) __syncwarp();
  data[i] = values[i / 32 * 32 + (i + 1) % 32] + same - data[i];
}

__global__ void shuffle_by_a_lane_kernel(int* data, bool by_all_lanes) {
  const unsigned i = threadIdx.x;
  if (!by_all_lanes && i % 32 == 5) return;
  data[i] = __shfl_sync(kAllLanes, data[i], static_cast<int>(i + 1));
}

__global__ void count_twice_kernel(int* data, Count count) {
  __shared__ int counts[kThreads];
  const unsigned i = threadIdx.x;
  counts[i] = 0;
  __syncthreads();
  for (const unsigned to : {i, (i + 1) % kThreads}) {
    if (count == Count::kPlain) {
      counts[to] += 1;
    } else {
      atomicAdd(&counts[to], 1);
    }
  }
  // All lanes have counted before one reads, in the order of the emulation.
  __shfl_xor_sync(kAllLanes, 0, 0);
  if (count != Count::kAtomicWithoutBarrier) __syncthreads();
  data[i] = counts[i];
}

__global__ void read_then_write_kernel(int* data, Readers readers) {
  __shared__ int value;
  const unsigned i = threadIdx.x;
  if (i == 0) value = 7;
  __syncthreads();
  if (i >= static_cast<unsigned>(readers.threads)) return;
  if (i == 0) data[0] = value;
  __syncwarp();
  if (i >= 32) __syncwarp();  // now the warps differ in how many they have had
  // All read before one writes, in the order of the emulation.
  data[i] = __shfl_xor_sync(kAllLanes, i == 0 ? 7 : value, 0);
  if (readers.have_warp_sync) __syncwarp();
  if (i == static_cast<unsigned>(readers.writer)) value = 8;
}

__global__ void read_of_nobody_kernel(int* data, bool was_written) {
  __shared__ int values[kThreads];
  const unsigned i = threadIdx.x;
  if (was_written || i != 40) values[i] = data[i];
  data[i] = values[i];
}

__global__ void read_dynamic_kernel(int* data) {
  int* const values = dynamic_shared<int>();
  values[threadIdx.x] = data[threadIdx.x];
  data[threadIdx.x] = values[threadIdx.x];
}

__global__ void barrier_of_some_kernel(int* data, bool of_all) {
  if (!of_all && threadIdx.x < 32) return;
  __syncthreads();
  data[threadIdx.x] += 0;
}

__global__ void read_next_kernel(int* data, int distance) {
  if (threadIdx.x == 0) data[0] = data[distance];
}

__global__ void load_vector_from_kernel(const int* data, int at, int* out) {
  if (threadIdx.x == 0)
    out[0] = static_cast<int>(__ldg(reinterpret_cast<const uint4*>(data + at)).w);
}

__global__ void reduce_each_block_kernel(const int* data, int* sums) {
  __shared__ int total;
  const unsigned i = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  if (i == 0) total = static_cast<int>(blockIdx.x * 1000 * gridDim.x);
  __syncthreads();
  const bool is_odd = data[i] % 2 == 1;
  const unsigned odd = __ballot_sync(kAllLanes, is_odd);
  const int lane = static_cast<int>(i % 32);
  const int before = __shfl_up_sync(kAllLanes, lane, 1) + __shfl_down_sync(kAllLanes, lane, 1);
  if (odd != 0xaaaaaaaaU || before != (lane == 0 ? 1 : lane == 31 ? 61 : 2 * lane)) return;
  atomicAdd(&total, data[i]);
  __syncthreads();
  if (i == 0) sums[blockIdx.x] = total;
}

__global__ void multiply_kernel(const uint32_t* a, const uint32_t* b, float* d, bool by_all_lanes) {
  const unsigned lane = threadIdx.x;
  if (!by_all_lanes && lane == 5) return;
  float sums[4] = {1, 1, 1, 1};
  kernels::cuda::mma(
      sums, {a[lane], a[32 + lane], a[64 + lane], a[96 + lane]}, {b[lane], b[32 + lane]});
  for (unsigned i = 0; i < 4; ++i) d[32 * i + lane] = sums[i];
}

}  // namespace

void rotate_by_a_warp(int* data, bool has_barrier) {
  launch(rotate_by_a_warp_kernel, 1, kThreads, 0, nullptr, data, has_barrier);
}
void rotate_by_a_lane(int* data, bool has_warp_sync) {
  launch(rotate_by_a_lane_kernel, 1, kThreads, 0, nullptr, data, has_warp_sync);
}
void shuffle_by_a_lane(int* data, bool by_all_lanes) {
  launch(shuffle_by_a_lane_kernel, 1, kThreads, 0, nullptr, data, by_all_lanes);
}
void count_twice(int* data, Count count) {
  launch(count_twice_kernel, 1, kThreads, 0, nullptr, data, count);
}
void read_then_write(int* data, Readers readers) {
  launch(read_then_write_kernel, 1, kThreads, 0, nullptr, data, readers);
}
void read_of_nobody(int* data, bool was_written) {
  launch(read_of_nobody_kernel, 1, kThreads, 0, nullptr, data, was_written);
}
void read_dynamic(int* data, int size) {
  launch(read_dynamic_kernel, 1, kThreads, static_cast<size_t>(size) * sizeof(int), nullptr, data);
}
void barrier_of_some(int* data, bool of_all) {
  launch(barrier_of_some_kernel, 1, kThreads, 0, nullptr, data, of_all);
}
void read_next(int* data, int distance) {
  launch(read_next_kernel, 1, kThreads, 0, nullptr, data, distance);
}
void load_vector_from(const int* data, int at, int* out) {
  launch(load_vector_from_kernel, 1, kThreads, 0, nullptr, data, at, out);
}
void reduce_each_block(const int* data, int* sums) {
  launch(reduce_each_block_kernel, 3, dim3(8, 4, 2), 0, nullptr, data, sums);
}
void multiply(const uint32_t* a, const uint32_t* b, float* d, bool by_all_lanes) {
  launch(multiply_kernel, 1, 32, 0, nullptr, a, b, d, by_all_lanes);
}

}  // namespace retmask::testing
