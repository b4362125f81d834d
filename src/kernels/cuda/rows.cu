#include <algorithm>

#include "element.cuh"
#include "launch.cuh"
#include "retmask/kernels/cuda/rows.h"

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

// One warp: normalises x [D] (if there are weights) and rotates it into `out`, which may alias x.
template <typename Element>
__device__ void rotate_head(const Element* x,
                            const Element* norm,
                            float eps,
                            const float* cos,
                            const float* sin,
                            int half,
                            Element* out) {
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
    from_float(first[j] * cos[i] - second[j] * sin[i], out[i]);
    from_float(second[j] * cos[i] + first[j] * sin[i], out[half + i]);
  }
}

// One warp per head (eight blocks leave it enough registers): query heads, followed by key heads
// and value heads.
template <typename Element>
__global__ void __launch_bounds__(kWarps * 32, 8)
    rotate_and_store_kernel(const RotateAndStore<Element> work) {
  const int64_t sequence = blockIdx.y;
  const int64_t dim = work.head_dim;
  const auto half = static_cast<int>(dim / 2);
  int64_t head = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (head >= work.heads + 2 * work.key_value_heads) return;

  const float* cos = work.cos + sequence * half;
  const float* sin = work.sin + sequence * half;
  if (head < work.heads) {
    Element* q = work.q + sequence * work.q_stride + head * dim;
    rotate_head(q, work.q_norm, work.eps, cos, sin, half, q);
    return;
  }
  head -= work.heads;
  const bool is_key = head < work.key_value_heads;
  if (!is_key) head -= work.key_value_heads;
  const int64_t position = work.cache.past[sequence];
  if (position < 0) return;
  const int64_t block =
      work.cache.block_tables[work.cache.table_starts[sequence] + position / kBlockTokens];
  const int64_t place =
      ((block * work.key_value_heads + head) * kBlockTokens + position % kBlockTokens) * dim;
  if (is_key) {
    const Element* k = work.k + sequence * work.k_stride + head * dim;
    rotate_head(k, work.k_norm, work.eps, cos, sin, half, work.cache.keys + place);
    return;
  }
  const Element* v = work.v + sequence * work.v_stride + head * dim;
  for (int64_t i = threadIdx.x % 32; i < dim; i += 32) work.cache.values[place + i] = v[i];
}

template <typename Element>
void launch_rotate_and_store(const RotateAndStore<Element>& work, Stream stream) {
  if (work.sequences == 0) return;
  const int64_t heads = work.heads + 2 * work.key_value_heads;
  const dim3 grid(static_cast<unsigned>((heads + kWarps - 1) / kWarps),
                  static_cast<unsigned>(work.sequences));
  launch(rotate_and_store_kernel<Element>, grid, kWarps * 32, 0, stream, work);
}

__device__ float silu_product(float gate, float up) { return gate / (1.0F + expf(-gate)) * up; }

// N elements at a time: 16 bytes if the width allows it, else one.
template <typename Element, int N>
struct alignas(N * sizeof(Element)) Several {
  Element values[N];
};

template <typename Element, int N>
__global__ void __launch_bounds__(256)
    silu_multiply_kernel(const Element* gate_up, int64_t rows, int64_t width, Element* out) {
  const int64_t per_row = width / N;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t item = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       item < rows * per_row;
       item += step) {
    const int64_t row = item / per_row;
    const int64_t column = item % per_row * N;
    const Element* from = gate_up + row * 2 * width + column;
    const auto gate = *reinterpret_cast<const Several<Element, N>*>(from);
    const auto up = *reinterpret_cast<const Several<Element, N>*>(from + width);
    Several<Element, N> product;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      from_float(silu_product(to_float(gate.values[i]), to_float(up.values[i])), product.values[i]);
    }
    *reinterpret_cast<Several<Element, N>*>(out + row * width + column) = product;
  }
}

template <typename Element>
void launch_silu_multiply(
    const Element* gate_up, int64_t rows, int64_t width, Element* out, Stream stream) {
  constexpr int64_t kThreads = 256;
  constexpr int64_t kMostBlocks = 4096;  // several per multiprocessor on any GPU
  constexpr int N = kVector<Element>;
  if (rows * width == 0) return;
  const int64_t items = width % N == 0 ? rows * width / N : rows * width;
  const auto blocks =
      static_cast<unsigned>(std::min(kMostBlocks, (items + kThreads - 1) / kThreads));
  if (width % N == 0) {
    launch(
        silu_multiply_kernel<Element, N>, blocks, kThreads, 0, stream, gate_up, rows, width, out);
  } else {
    launch(
        silu_multiply_kernel<Element, 1>, blocks, kThreads, 0, stream, gate_up, rows, width, out);
  }
}

}  // namespace

void rotate_and_store(const RotateAndStore<float>& work, Stream stream) {
  launch_rotate_and_store(work, stream);
}
void rotate_and_store(const RotateAndStore<BFloat16>& work, Stream stream) {
  launch_rotate_and_store(work, stream);
}

void silu_multiply(const float* gate_up, int64_t rows, int64_t width, float* out, Stream stream) {
  launch_silu_multiply(gate_up, rows, width, out, stream);
}
void silu_multiply(
    const BFloat16* gate_up, int64_t rows, int64_t width, BFloat16* out, Stream stream) {
  launch_silu_multiply(gate_up, rows, width, out, stream);
}

}  // namespace retmask::kernels::cuda
