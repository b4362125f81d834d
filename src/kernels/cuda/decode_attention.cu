#include <cfloat>

#include "element.cuh"
#include "launch.cuh"
#include "retmask/kernels/cuda/decode_attention.h"

namespace retmask::kernels::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;
// Query heads per thread block; a larger group takes several blocks.
constexpr int kMaxGroup = 8;
// A shorter split is not worth its partial sums.
constexpr int64_t kMinSplitBlocks = 8;
constexpr unsigned kAllLanes = 0xffffffffU;
// Below any score, but finite: the difference of two of them is 0, not NaN.
constexpr float kNoScore = -FLT_MAX;

// The keys visible to the query of a sequence, and their distribution over thread blocks in whole
// cache blocks. Computed by both kernels.
struct Span {
  int64_t first;         // key
  int64_t end;           // key
  int64_t first_block;   // index in the sequence's block table
  int64_t num_blocks;    // from first_block on
  int64_t split_blocks;  // cache blocks of a split
  int64_t splits;        // with work; 0 if there is no sequence
};

template <typename Element>
__device__ Span span_of(const DecodeAttention<Element>& work, int64_t sequence) {
  Span span;
  span.end = work.cache.past[sequence] + 1;
  const int64_t window = work.sliding_window;
  span.first = window > 0 && window < span.end ? span.end - window : 0;
  span.first_block = span.first / kBlockTokens;
  span.num_blocks = (span.end + kBlockTokens - 1) / kBlockTokens - span.first_block;
  const int64_t even = (span.num_blocks + work.splits - 1) / work.splits;
  span.split_blocks = even < kMinSplitBlocks ? kMinSplitBlocks : even;
  span.splits = (span.num_blocks + span.split_blocks - 1) / span.split_blocks;
  return span;
}

template <typename Element>
__device__ float gate_of(const DecodeAttention<Element>& work, int64_t sequence, int64_t head) {
  if (work.gates == nullptr) return 1.0F;
  return work.gates[work.policies[sequence] * work.gate_stride + head];
}

// Partial result of one split and head: its largest score (in units of log2), the sum of the
// weights relative to it, and the key of that score. The weighted sum of values is stored
// separately.
struct SplitState {
  float largest;
  float total;
  int32_t key;
  int32_t unused;
};

template <typename Element>
__device__ int64_t
split_index(const DecodeAttention<Element>& work, int64_t sequence, int64_t head, int64_t split) {
  return (sequence * work.heads + head) * work.splits + split;
}
template <typename Element>
__device__ float* split_sums(const DecodeAttention<Element>& work, int64_t index) {
  return work.workspace + index * work.head_dim;
}
template <typename Element>
__device__ SplitState* split_states(const DecodeAttention<Element>& work) {
  return reinterpret_cast<SplitState*>(work.workspace +
                                       work.sequences * work.heads * work.splits * work.head_dim);
}

// Online softmax (Milakov & Gimelshein 2018) of one thread: G query heads, V elements of a head.
template <int G, int V>
struct Running {
  float largest[G];
  float total[G];
  int32_t key[G];
  float sums[G][V];

  __device__ void clear() {
#pragma unroll
    for (int g = 0; g < G; ++g) {
      largest[g] = kNoScore;
      total[g] = 0.0F;
      key[g] = INT32_MAX;
#pragma unroll
      for (int i = 0; i < V; ++i) sums[g][i] = 0.0F;
    }
  }

  // Merges the state of the lane `distance` away: other keys, the same elements.
  template <bool kLargestKey>
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

// One thread block: one split of a sequence, for up to G query heads of a key/value head. A warp
// takes every fourth tile of keys; kLanes lanes share a key, 16 bytes each. Two blocks per
// multiprocessor leave enough registers for all variants; most need fewer, so that more blocks fit.
template <typename Element, int D, int G, bool kLargestKey>
__global__ void __launch_bounds__(kThreads, 2)
    attend_kernel(const DecodeAttention<Element> work, const int group_tiles) {
  constexpr int V = kVector<Element>;
  constexpr int kLanes = D / V;             // lanes that share a key
  constexpr int kKeysAtOnce = 32 / kLanes;  // per load instruction of a warp
  constexpr int kUnroll = 4;                // load instructions in flight, of keys and of values
  constexpr int kTile = kKeysAtOnce * kUnroll;
  static_assert(kBlockTokens % kTile == 0, "a tile must lie in one cache block");

  const int64_t split = blockIdx.x;
  const int64_t kv_head = blockIdx.y / group_tiles;
  const int64_t sequence = blockIdx.z;
  const int64_t group = work.heads / work.key_value_heads;
  const int64_t in_group = static_cast<int64_t>(blockIdx.y % group_tiles) * G;
  const int64_t first_head = kv_head * group + in_group;
  const int num_heads = static_cast<int>(group - in_group < G ? group - in_group : G);

  const Span span = span_of(work, sequence);
  const bool is_whole = span.splits <= 1;
  if (is_whole ? split > 0 : split >= span.splits) return;

  bool any_on = kLargestKey && span.splits > 0;
  for (int g = 0; g < num_heads && span.splits > 0; ++g)
    any_on = any_on || gate_of(work, sequence, first_head + g) != 0.0F;
  if (!any_on) {  // uniform across the block
    if (!is_whole) return;
    for (int i = threadIdx.x; i < num_heads * D; i += kThreads)
      from_float(0.0F, work.out[(sequence * work.heads + first_head) * D + i]);
    return;
  }

  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int offset = lane % kLanes * V;  // of the elements of this lane
  const int slot = lane / kLanes;        // of the key of this lane

  float q[G][V];
#pragma unroll
  for (int g = 0; g < G; ++g) {
    const Element* row = work.q + sequence * work.q_stride + (first_head + g) * D + offset;
    widen_vector(load_vector(row, g < num_heads), q[g]);
  }
  const float scale = 1.4426950408889634F / sqrtf(static_cast<float>(D));  // scores in log2

  Running<G, V> running;
  running.clear();
  const int32_t* table = work.cache.block_tables + work.cache.table_starts[sequence];
  const int64_t last_block = span.first_block + (split + 1) * span.split_blocks;
  const int64_t split_end =
      last_block * kBlockTokens < span.end ? last_block * kBlockTokens : span.end;
  const int64_t split_begin = (span.first_block + split * span.split_blocks) * kBlockTokens;
  for (int64_t tile = split_begin + warp * kTile; tile < split_end; tile += kWarps * kTile) {
    const int64_t block = table[tile / kBlockTokens];
    const int64_t row =
        (block * work.key_value_heads + kv_head) * kBlockTokens + tile % kBlockTokens + slot;
    uint4 keys[kUnroll];
    uint4 values[kUnroll];
    bool visible[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t key = tile + u * kKeysAtOnce + slot;
      visible[u] = key >= span.first && key < split_end;
      // Invisible keys may hold anything, NaN too, so they are not read.
      keys[u] = load_vector(work.cache.keys + (row + u * kKeysAtOnce) * D + offset, visible[u]);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u)
      values[u] = load_vector(work.cache.values + (row + u * kKeysAtOnce) * D + offset, visible[u]);

    float scores[kUnroll][G];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      float key[V];
      widen_vector(keys[u], key);
#pragma unroll
      for (int g = 0; g < G; ++g) {
        float sum = 0.0F;
#pragma unroll
        for (int i = 0; i < V; ++i) sum += q[g][i] * key[i];
#pragma unroll
        for (int distance = kLanes / 2; distance > 0; distance /= 2)
          sum += __shfl_xor_sync(kAllLanes, sum, distance);
        scores[u][g] = sum * scale;
      }
    }
#pragma unroll
    for (int g = 0; g < G; ++g) {
      const float before = running.largest[g];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        if (!visible[u] || !(scores[u][g] > running.largest[g])) continue;
        running.largest[g] = scores[u][g];
        if (kLargestKey) running.key[g] = static_cast<int32_t>(tile + u * kKeysAtOnce + slot);
      }
      const float rescale = exp2f(before - running.largest[g]);
      running.total[g] *= rescale;
#pragma unroll
      for (int i = 0; i < V; ++i) running.sums[g][i] *= rescale;
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        scores[u][g] = visible[u] ? exp2f(scores[u][g] - running.largest[g]) : 0.0F;
        running.total[g] += scores[u][g];
      }
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      float value[V];
      widen_vector(values[u], value);
#pragma unroll
      for (int g = 0; g < G; ++g) {
#pragma unroll
        for (int i = 0; i < V; ++i) running.sums[g][i] += scores[u][g] * value[i];
      }
    }
  }

#pragma unroll
  for (int distance = kLanes; distance < 32; distance *= 2)
    running.template merge_lane<kLargestKey>(distance);

  // Merge the warps through shared memory.
  __shared__ float sums[kWarps][G][D];
  __shared__ float largest[kWarps][G];
  __shared__ float totals[kWarps][G];
  __shared__ int32_t largest_key[kWarps][G];
  if (slot == 0) {
#pragma unroll
    for (int g = 0; g < G; ++g) {
#pragma unroll
      for (int i = 0; i < V; ++i) sums[warp][g][offset + i] = running.sums[g][i];
      if (lane != 0) continue;
      largest[warp][g] = running.largest[g];
      totals[warp][g] = running.total[g];
      largest_key[warp][g] = running.key[g];
    }
  }
  __syncthreads();
  for (int item = threadIdx.x; item < num_heads * D; item += kThreads) {
    const int g = item / D;
    const int i = item % D;
    float both = kNoScore;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) both = fmaxf(both, largest[w][g]);
    float total = 0.0F;
    float sum = 0.0F;
    int32_t key = INT32_MAX;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      const float weight = exp2f(largest[w][g] - both);
      total += weight * totals[w][g];
      sum += weight * sums[w][g][i];
      if (kLargestKey && largest[w][g] == both && largest_key[w][g] < key) key = largest_key[w][g];
    }
    const int64_t head = first_head + g;
    if (is_whole) {
      const float gate = gate_of(work, sequence, head);
      from_float(gate == 0.0F ? 0.0F : gate * sum / total,
                 work.out[(sequence * work.heads + head) * D + i]);
      if (kLargestKey && i == 0) work.largest_keys[sequence * work.heads + head] = key;
    } else {
      const int64_t index = split_index(work, sequence, head, split);
      split_sums(work, index)[i] = sum;
      if (i == 0) split_states(work)[index] = {both, total, key, 0};
    }
  }
}

// Merges the splits: one thread block per head and sequence, one thread per element.
template <typename Element, int D, bool kLargestKey>
__global__ void __launch_bounds__(D) combine_kernel(const DecodeAttention<Element> work) {
  const int64_t head = blockIdx.x;
  const int64_t sequence = blockIdx.y;
  const int64_t splits = span_of(work, sequence).splits;
  if (splits <= 1) return;
  const float gate = gate_of(work, sequence, head);
  Element& out = work.out[(sequence * work.heads + head) * D + threadIdx.x];
  if (gate == 0.0F) from_float(0.0F, out);
  if (gate == 0.0F && !kLargestKey) return;  // the partial sums were not written

  const int64_t first = split_index(work, sequence, head, 0);
  const SplitState* states = split_states(work) + first;
  float largest = kNoScore;
  int32_t key = INT32_MAX;
  for (int64_t split = 0; split < splits; ++split) {
    // Splits are in key order, so the first of equals wins.
    if (!(states[split].largest > largest)) continue;
    largest = states[split].largest;
    key = states[split].key;
  }
  if (kLargestKey && threadIdx.x == 0) work.largest_keys[sequence * work.heads + head] = key;
  if (gate == 0.0F) return;
  float total = 0.0F;
  float sum = 0.0F;
  for (int64_t split = 0; split < splits; ++split) {
    const float weight = exp2f(states[split].largest - largest);
    total += weight * states[split].total;
    sum += weight * split_sums(work, first + split)[threadIdx.x];
  }
  from_float(gate * sum / total, out);
}

template <typename Element, int D, int G, bool kLargestKey>
void launch_splits(const DecodeAttention<Element>& work, Stream stream) {
  const int64_t group = work.heads / work.key_value_heads;
  const auto group_tiles = static_cast<int>((group + G - 1) / G);
  const dim3 grid(static_cast<unsigned>(work.splits),
                  static_cast<unsigned>(work.key_value_heads * group_tiles),
                  static_cast<unsigned>(work.sequences));
  launch(attend_kernel<Element, D, G, kLargestKey>, grid, kThreads, 0, stream, work, group_tiles);
  if (work.splits == 1) return;
  const dim3 heads(static_cast<unsigned>(work.heads), static_cast<unsigned>(work.sequences));
  launch(combine_kernel<Element, D, kLargestKey>, heads, D, 0, stream, work);
}

template <typename Element, int D, int G>
void launch_group(const DecodeAttention<Element>& work, Stream stream) {
  if (work.largest_keys != nullptr) {
    launch_splits<Element, D, G, true>(work, stream);
  } else {
    launch_splits<Element, D, G, false>(work, stream);
  }
}

template <typename Element, int D>
void launch_head_dim(const DecodeAttention<Element>& work, Stream stream) {
  const int64_t group = work.heads / work.key_value_heads;
  if (group == 1) return launch_group<Element, D, 1>(work, stream);
  if (group == 2) return launch_group<Element, D, 2>(work, stream);
  if (group <= 4) return launch_group<Element, D, 4>(work, stream);
  launch_group<Element, D, kMaxGroup>(work, stream);
}

template <typename Element>
void launch_any(const DecodeAttention<Element>& work, Stream stream) {
  if (work.sequences == 0) return;
  if (work.head_dim == 64) return launch_head_dim<Element, 64>(work, stream);
  launch_head_dim<Element, 128>(work, stream);
}

}  // namespace

bool has_decode_attention(int64_t head_dim) { return head_dim == 64 || head_dim == 128; }

int64_t decode_attention_workspace(int64_t sequences,
                                   int64_t heads,
                                   int64_t head_dim,
                                   int64_t splits) {
  if (splits == 1) return 0;
  constexpr auto kStateFloats = static_cast<int64_t>(sizeof(SplitState) / sizeof(float));
  return sequences * heads * splits * (head_dim + kStateFloats);
}

void decode_attention(const DecodeAttention<float>& work, Stream stream) {
  launch_any(work, stream);
}
void decode_attention(const DecodeAttention<BFloat16>& work, Stream stream) {
  launch_any(work, stream);
}

}  // namespace retmask::kernels::cuda
