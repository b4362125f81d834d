#pragma once
// How decode_attention.cu divides a sequence's keys over thread blocks, and what it keeps of each.

#include <cfloat>

#include "retmask/kernels/cuda/decode_attention.h"

namespace retmask::kernels::cuda {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;
constexpr unsigned kAllLanes = 0xffffffffU;
// Below any score, but finite: the difference of two of them is 0, not NaN.
constexpr float kNoScore = -FLT_MAX;
// A shorter split is not worth its partial sums.
constexpr int64_t kMinSplitBlocks = 8;

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

// Turns the product of a query and a key into a score in units of log2.
template <int D>
__device__ float score_scale() {
  return 1.4426950408889634F / sqrtf(static_cast<float>(D));
}

// The results of a block's warps, relative to each one's largest score.
template <int G, int D>
struct WarpResults {
  float sums[kWarps][G][D];
  float largest[kWarps][G];
  float totals[kWarps][G];
  int32_t largest_key[kWarps][G];
};

}  // namespace retmask::kernels::cuda
