#pragma once
// A warp's part of decode attention on tensor cores, for bfloat16 and up to 8 query heads.
//
// The query heads of a key head are rows 0 .. 7 of a tile. Rows 8 .. 15 would be idle; in the
// product with the values they hold what rounding to bfloat16 takes from the weights, so that the
// result is as exact as with float32 weights.
//
// A product sums over its inner dimension in any order, so a lane may take whichever elements lie
// together in memory, as long as both factors take the same: every load is of 16 bytes.

#include "decode_split.cuh"
#include "element.cuh"
#include "mma.cuh"

namespace retmask::kernels::cuda {

inline __device__ uint32_t word_of(const uint4& vector, int i) {
  return i == 0 ? vector.x : i == 1 ? vector.y : i == 2 ? vector.z : vector.w;
}

inline __device__ uint32_t pack(BFloat16 first, BFloat16 second) {
  return first.bits | static_cast<uint32_t>(second.bits) << 16;
}

// With r = lane / 4 and c = lane % 4, a lane holds: of the scores, head r and keys 2c, 2c + 1,
// 2c + 8, 2c + 9 of the tile; of the sums, head r and of every 64 dimensions 16c .. 16c + 15.
template <int D, bool kLargestKey_>
struct TensorCoreAttention {
  using Element = BFloat16;
  static constexpr int kDim = D;
  static constexpr int kGroup = 8;
  static constexpr bool kLargestKey = kLargestKey_;
  static constexpr int kTile = 16;

  int r;
  int c;
  uint4 q[D / 32];  // head r, dimensions 8c .. 8c + 7 of every 32
  float largest = kNoScore;
  float total = 0.0F;  // of this lane's keys
  float own_largest = kNoScore;
  int32_t own_key = INT32_MAX;
  float sums[D / 64][8][4] = {};

  // `heads`: the first query head's row; zeros stand for those from num_heads on.
  __device__ TensorCoreAttention(const BFloat16* heads, int num_heads) {
    const int lane = threadIdx.x % 32;
    r = lane / 4;
    c = lane % 4;
#pragma unroll
    for (int i = 0; i < D / 32; ++i)
      q[i] = load_vector(heads + r * D + 32 * i + 8 * c, r < num_heads);
  }

  // `keys` and `values` [kTile, D] are those of the keys from `tile` on; rows begin .. end - 1 are
  // visible.
  __device__ void add_tile(
      const BFloat16* keys, const BFloat16* values, int tile, int begin, int end) {
    // Invisible keys may hold anything, NaN too, so they are not read.
    const auto is_visible = [&](int row) { return row >= begin && row < end; };
    uint4 packed_keys[2][D / 32];  // rows r and r + 8, dimensions as in q
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = r + 8 * half;
#pragma unroll
      for (int i = 0; i < D / 32; ++i)
        packed_keys[half][i] = load_vector(keys + row * D + 32 * i + 8 * c, is_visible(row));
    }
    uint4 packed_values[4][D / 64];  // the rows of the lane's scores, 8r .. 8r + 7 of 64 dimensions
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int row = row_of_score(k / 2, k % 2);
#pragma unroll
      for (int i = 0; i < D / 64; ++i)
        packed_values[k][i] = load_vector(values + row * D + 64 * i + 8 * r, is_visible(row));
    }

    float scores[2][4] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int i = 0; i < D / 32; ++i) {
        mma(scores[half], {q[i].x, 0, q[i].y, 0}, {packed_keys[half][i].x, packed_keys[half][i].y});
        mma(scores[half], {q[i].z, 0, q[i].w, 0}, {packed_keys[half][i].z, packed_keys[half][i].w});
      }
    }

    uint32_t weights[4];
    weigh(scores, is_visible, tile, weights);
#pragma unroll
    for (int i = 0; i < D / 64; ++i) {
#pragma unroll
      for (int w = 0; w < 4; ++w) {  // dimensions 2w and 2w + 1 of the 8
        const uint32_t words[4] = {word_of(packed_values[0][i], w),
                                   word_of(packed_values[1][i], w),
                                   word_of(packed_values[2][i], w),
                                   word_of(packed_values[3][i], w)};
        mma(sums[i][2 * w],
            weights,
            {__byte_perm(words[0], words[1], 0x5410), __byte_perm(words[2], words[3], 0x5410)});
        mma(sums[i][2 * w + 1],
            weights,
            {__byte_perm(words[0], words[1], 0x7632), __byte_perm(words[2], words[3], 0x7632)});
      }
    }
  }

  __device__ void store(WarpResults<kGroup, D>& results, int warp) {
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2) {
      total += __shfl_xor_sync(kAllLanes, total, distance);
      if (!kLargestKey) continue;
      const float other = __shfl_xor_sync(kAllLanes, own_largest, distance);
      const int32_t other_key = __shfl_xor_sync(kAllLanes, own_key, distance);
      if (other < own_largest || (other == own_largest && other_key > own_key)) continue;
      own_largest = other;
      own_key = other_key;
    }
#pragma unroll
    for (int i = 0; i < D / 64; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        results.sums[warp][r][64 * i + 16 * c + j] = sums[i][j][0] + sums[i][j][2];
        results.sums[warp][r][64 * i + 16 * c + 8 + j] = sums[i][j][1] + sums[i][j][3];
      }
    }
    if (c != 0) return;
    results.largest[warp][r] = largest;
    results.totals[warp][r] = total;
    results.largest_key[warp][r] = own_key;
  }

 private:
  __device__ int row_of_score(int half, int j) const { return 8 * half + 2 * c + j; }

  // Scores -> weights of the product with the values; rescales what was summed before.
  template <typename IsVisible>
  __device__ void weigh(float (&scores)[2][4],
                        const IsVisible& is_visible,
                        int tile,
                        uint32_t (&weights)[4]) {
    float peak = kNoScore;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int row = row_of_score(half, j);
        scores[half][j] = is_visible(row) ? scores[half][j] * score_scale<D>() : kNoScore;
        peak = fmaxf(peak, scores[half][j]);
        if (!kLargestKey || !(scores[half][j] > own_largest)) continue;
        own_largest = scores[half][j];
        own_key = tile + row;
      }
    }
    peak = fmaxf(peak, __shfl_xor_sync(kAllLanes, peak, 1));
    peak = fmaxf(peak, __shfl_xor_sync(kAllLanes, peak, 2));
    const float before = largest;
    largest = fmaxf(largest, peak);
    const float rescale = exp2f(before - largest);
    total *= rescale;
#pragma unroll
    for (int i = 0; i < D / 64; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int k = 0; k < 4; ++k) sums[i][j][k] *= rescale;
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      BFloat16 upper[2];
      BFloat16 lower[2];
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const float weight =
            is_visible(row_of_score(half, j)) ? exp2f(scores[half][j] - largest) : 0.0F;
        total += weight;
        from_float(weight, upper[j]);
        from_float(weight - to_float(upper[j]), lower[j]);
      }
      weights[2 * half] = pack(upper[0], upper[1]);
      weights[2 * half + 1] = pack(lower[0], lower[1]);
    }
  }
};

}  // namespace retmask::kernels::cuda
