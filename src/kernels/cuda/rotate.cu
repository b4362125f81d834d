#include "element.cuh"
#include "launch.cuh"
#include "retmask/kernels/cuda/rotate.h"

namespace retmask::kernels::cuda {
namespace {

constexpr unsigned kAllLanes = 0xffffffffU;
constexpr int kWarps = 4;
// Pairs of a head per lane.
constexpr int kMostPairs = kMaxHeadDim / 2 / 32;

__device__ float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

template <typename Element>
__device__ float rounded(float value) {
  Element element;
  from_float(value, element);
  return to_float(element);
}

// One warp: normalises x [D] (if there are weights) and rotates it into `out`, which may alias x,
// and `copy`. Either may be null.
template <typename Element>
__device__ void rotate_head(const Element* x,
                            const Element* norm,
                            float eps,
                            const float* cos,
                            const float* sin,
                            int half,
                            Element* out,
                            Element* copy) {
  const int lane = threadIdx.x % 32;
  float first[kMostPairs];
  float second[kMostPairs];
  float squares = 0.0F;
#pragma unroll
  for (int j = 0; j < kMostPairs; ++j) {
    const int i = lane + 32 * j;
    if (i >= half) continue;
    first[j] = to_float(x[i]);
    second[j] = to_float(x[half + i]);
    squares += first[j] * first[j] + second[j] * second[j];
  }
  if (norm != nullptr) {  // uniform across the warp
    const float scale = 1.0F / sqrtf(warp_sum(squares) / static_cast<float>(2 * half) + eps);
#pragma unroll
    for (int j = 0; j < kMostPairs; ++j) {
      const int i = lane + 32 * j;
      if (i >= half) continue;
      first[j] = rounded<Element>(first[j] * scale * to_float(norm[i]));
      second[j] = rounded<Element>(second[j] * scale * to_float(norm[half + i]));
    }
  }
#pragma unroll
  for (int j = 0; j < kMostPairs; ++j) {
    const int i = lane + 32 * j;
    if (i >= half) continue;
    Element rotated_first;
    Element rotated_second;
    from_float(first[j] * cos[i] - second[j] * sin[i], rotated_first);
    from_float(second[j] * cos[i] + first[j] * sin[i], rotated_second);
    if (out != nullptr) {
      out[i] = rotated_first;
      out[half + i] = rotated_second;
    }
    if (copy != nullptr) {
      copy[i] = rotated_first;
      copy[half + i] = rotated_second;
    }
  }
}

// The first element of a key/value head's row in the cache; -1: it is not stored.
template <typename Element>
__device__ int64_t place_of(const RotateAndStore<Element>& work, int64_t token, int64_t head) {
  if (work.cache.keys == nullptr) return -1;
  int64_t block = 0;
  int64_t row = 0;
  if (work.slot_blocks != nullptr) {
    block = work.slot_blocks[token];
    row = work.slot_rows[token];
  } else {
    const int64_t position = work.cache.past[token];
    if (position < 0) return -1;
    block = work.cache.block_tables[work.cache.table_starts[token] + position / kBlockTokens];
    row = position % kBlockTokens;
  }
  return ((block * work.key_value_heads + head) * kBlockTokens + row) * work.head_dim;
}

// One warp per head (eight blocks leave it enough registers): query heads, followed by key heads
// and value heads.
template <typename Element>
__global__ void __launch_bounds__(kWarps * 32, 8)
    rotate_and_store_kernel(const RotateAndStore<Element> work) {
  const int64_t token = blockIdx.x;
  const int64_t dim = work.head_dim;
  const auto half = static_cast<int>(dim / 2);
  int64_t head = static_cast<int64_t>(blockIdx.y) * kWarps + threadIdx.x / 32;
  if (head >= work.heads + 2 * work.key_value_heads) return;

  const float* cos = work.cos + token * half;
  const float* sin = work.sin + token * half;
  if (head < work.heads) {
    Element* q = work.q + token * work.q_stride + head * dim;
    rotate_head<Element>(q, work.q_norm, work.eps, cos, sin, half, q, nullptr);
    return;
  }
  head -= work.heads;
  const bool is_key = head < work.key_value_heads;
  if (!is_key) head -= work.key_value_heads;
  const int64_t place = place_of(work, token, head);
  if (is_key) {
    Element* k = work.k + token * work.k_stride + head * dim;
    Element* out = work.rotate_k_in_place ? k : nullptr;
    Element* stored = place >= 0 ? work.cache.keys + place : nullptr;
    if (out == nullptr && stored == nullptr) return;
    rotate_head<Element>(k, work.k_norm, work.eps, cos, sin, half, out, stored);
    return;
  }
  if (place < 0) return;
  const Element* v = work.v + token * work.v_stride + head * dim;
  for (int64_t i = threadIdx.x % 32; i < dim; i += 32) work.cache.values[place + i] = v[i];
}

template <typename Element>
void launch_rotate_and_store(const RotateAndStore<Element>& work, Stream stream) {
  if (work.tokens == 0) return;
  const int64_t heads = work.heads + 2 * work.key_value_heads;
  const dim3 grid(static_cast<unsigned>(work.tokens),
                  static_cast<unsigned>((heads + kWarps - 1) / kWarps));
  launch(rotate_and_store_kernel<Element>, grid, kWarps * 32, 0, stream, work);
}

// One warp per head.
template <typename Element>
__global__ void __launch_bounds__(kWarps * 32, 8) rotate_kernel(const Rotate<Element> work) {
  const int64_t token = blockIdx.x;
  const int64_t head = static_cast<int64_t>(blockIdx.y) * kWarps + threadIdx.x / 32;
  if (head >= work.heads) return;
  const auto half = static_cast<int>(work.head_dim / 2);
  rotate_head<Element>(work.x + token * work.stride + head * work.head_dim,
                       /*norm=*/nullptr,
                       /*eps=*/0.0F,
                       work.cos + token * half,
                       work.sin + token * half,
                       half,
                       work.y + (token * work.heads + head) * work.head_dim,
                       /*copy=*/nullptr);
}

template <typename Element>
void launch_rotate(const Rotate<Element>& work, Stream stream) {
  if (work.tokens == 0) return;
  const dim3 grid(static_cast<unsigned>(work.tokens),
                  static_cast<unsigned>((work.heads + kWarps - 1) / kWarps));
  launch(rotate_kernel<Element>, grid, kWarps * 32, 0, stream, work);
}

}  // namespace

void rotate_and_store(const RotateAndStore<float>& work, Stream stream) {
  launch_rotate_and_store(work, stream);
}
void rotate_and_store(const RotateAndStore<BFloat16>& work, Stream stream) {
  launch_rotate_and_store(work, stream);
}

void rotate(const Rotate<float>& work, Stream stream) { launch_rotate(work, stream); }
void rotate(const Rotate<BFloat16>& work, Stream stream) { launch_rotate(work, stream); }

}  // namespace retmask::kernels::cuda
