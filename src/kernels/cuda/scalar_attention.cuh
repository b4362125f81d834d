#pragma once
// A warp's part of decode attention on the CUDA cores, for float32.

#include "decode_split.cuh"
#include "element.cuh"

namespace retmask::kernels::cuda {

// Online softmax (Milakov & Gimelshein 2018) of G query heads over the tiles that the warp adds.
// kLanes lanes share a key, 16 bytes each; a thread holds V elements of every head.
template <int D, int G, bool kLargestKey_>
struct ScalarAttention {
  using Element = float;
  static constexpr int kDim = D;
  static constexpr int kGroup = G;
  static constexpr bool kLargestKey = kLargestKey_;
  static constexpr int V = kVector<float>;
  static constexpr int kLanes = D / V;             // lanes that share a key
  static constexpr int kKeysAtOnce = 32 / kLanes;  // per load instruction of a warp
  static constexpr int kUnroll = 4;  // load instructions in flight, of keys and of values
  static constexpr int kTile = kKeysAtOnce * kUnroll;

  int slot;    // of the key of this lane
  int offset;  // of the elements of this lane
  float q[G][V];
  float largest[G];
  float total[G];
  int32_t key[G];
  float sums[G][V];

  // `heads`: the first query head's row; zeros stand for those from num_heads on.
  __device__ ScalarAttention(const float* heads, int num_heads) {
    const int lane = threadIdx.x % 32;
    slot = lane / kLanes;
    offset = lane % kLanes * V;
#pragma unroll
    for (int g = 0; g < G; ++g) {
      widen_vector(load_vector(heads + g * D + offset, g < num_heads), q[g]);
      largest[g] = kNoScore;
      total[g] = 0.0F;
      key[g] = INT32_MAX;
#pragma unroll
      for (int i = 0; i < V; ++i) sums[g][i] = 0.0F;
    }
  }

  // `keys` and `values` [kTile, D] are those of the keys from `tile` on; rows begin .. end - 1 are
  // visible.
  __device__ void add_tile(const float* keys, const float* values, int tile, int begin, int end) {
    const float* lane_keys = keys + slot * D + offset;
    const float* lane_values = values + slot * D + offset;
    uint4 packed_keys[kUnroll];
    uint4 packed_values[kUnroll];
    bool visible[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int row = slot + u * kKeysAtOnce;
      visible[u] = row >= begin && row < end;
      // Invisible keys may hold anything, NaN too, so they are not read.
      packed_keys[u] = load_vector(lane_keys + u * kKeysAtOnce * D, visible[u]);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u)
      packed_values[u] = load_vector(lane_values + u * kKeysAtOnce * D, visible[u]);

    float scores[kUnroll][G];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      float wide[V];
      widen_vector(packed_keys[u], wide);
#pragma unroll
      for (int g = 0; g < G; ++g) {
        float sum = 0.0F;
#pragma unroll
        for (int i = 0; i < V; ++i) sum += q[g][i] * wide[i];
#pragma unroll
        for (int distance = kLanes / 2; distance > 0; distance /= 2)
          sum += __shfl_xor_sync(kAllLanes, sum, distance);
        scores[u][g] = sum * score_scale<D>();
      }
    }
#pragma unroll
    for (int g = 0; g < G; ++g) {
      const float before = largest[g];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        if (!visible[u] || !(scores[u][g] > largest[g])) continue;
        largest[g] = scores[u][g];
        if (kLargestKey) key[g] = tile + slot + u * kKeysAtOnce;
      }
      const float rescale = exp2f(before - largest[g]);
      total[g] *= rescale;
#pragma unroll
      for (int i = 0; i < V; ++i) sums[g][i] *= rescale;
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        scores[u][g] = visible[u] ? exp2f(scores[u][g] - largest[g]) : 0.0F;
        total[g] += scores[u][g];
      }
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      float wide[V];
      widen_vector(packed_values[u], wide);
#pragma unroll
      for (int g = 0; g < G; ++g) {
#pragma unroll
        for (int i = 0; i < V; ++i) sums[g][i] += scores[u][g] * wide[i];
      }
    }
  }

  __device__ void store(WarpResults<G, D>& results, int warp) {
#pragma unroll
    for (int distance = kLanes; distance < 32; distance *= 2) merge_lane(distance);
    if (slot != 0) return;
#pragma unroll
    for (int g = 0; g < G; ++g) {
#pragma unroll
      for (int i = 0; i < V; ++i) results.sums[warp][g][offset + i] = sums[g][i];
      if (offset != 0) continue;
      results.largest[warp][g] = largest[g];
      results.totals[warp][g] = total[g];
      results.largest_key[warp][g] = key[g];
    }
  }

  // Merges the state of the lane `distance` away: other keys, the same elements.
  __device__ void merge_lane(int distance) {
#pragma unroll
    for (int g = 0; g < G; ++g) {
      const float other = __shfl_xor_sync(kAllLanes, largest[g], distance);
      if (kLargestKey) {
        const int32_t other_key = __shfl_xor_sync(kAllLanes, key[g], distance);
        if (other > largest[g] || (other == largest[g] && other_key < key[g])) key[g] = other_key;
      }
      const float both = fmaxf(largest[g], other);
      const float own_scale = exp2f(largest[g] - both);
      const float other_scale = exp2f(other - both);
      largest[g] = both;
      const float other_total = __shfl_xor_sync(kAllLanes, total[g], distance);
      total[g] = total[g] * own_scale + other_total * other_scale;
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const float other_sum = __shfl_xor_sync(kAllLanes, sums[g][i], distance);
        sums[g][i] = sums[g][i] * own_scale + other_sum * other_scale;
      }
    }
  }
};

}  // namespace retmask::kernels::cuda
