#pragma once
// Attention of one new token per sequence over a paged KV cache, on a GPU.
//
// Shapes: S sequences, H query heads, Hkv key/value heads, D head_dim, P = kBlockTokens tokens per
// block. All pointers are device memory; launch errors are left for cudaGetLastError().
//
// Memory traffic: each visible key and value is read once for all query heads that share it, 2 *
// keys * Hkv * D * sizeof(Element) per sequence; q, the output and the partial sums of the splits
// are small in comparison. The kernel is bound by memory bandwidth: in bfloat16 its arithmetic, 4 *
// keys * H * D operations, is done by tensor cores (FlashDecoding with the query heads of a key
// head as one tile), in float32 by the CUDA cores, which keep up with up to about 8 query heads per
// key/value head.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"
#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

inline constexpr int64_t kBlockTokens = 16;
// Maximum splits of a sequence, each read by its own thread block.
inline constexpr int64_t kMaxSplits = 64;

// The cache of one layer for all sequences: token i of sequence s is in block
// block_tables[table_starts[s] + i / P], row i % P.
template <typename Element>
struct PagedCache {
  Element* keys = nullptr;    // [blocks, Hkv, P, D]
  Element* values = nullptr;  // the same
  const int32_t* block_tables = nullptr;
  const int64_t* table_starts = nullptr;  // [S]
  // [S]: position of the new token. -1: no sequence, as in rows that pad a batch to its captured
  // size; reads nothing and outputs zeros.
  const int64_t* past = nullptr;
};

template <typename Element>
struct DecodeAttention {
  PagedCache<Element> cache = {};  // holds the new tokens' keys and values too
  const Element* q = nullptr;      // [S, H, D], sequences `q_stride` elements apart
  int64_t q_stride = 0;
  int64_t sequences = 0;
  int64_t heads = 0;
  int64_t key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t sliding_window = 0;  // number of newest keys visible to a query; 0: all
  // A head's output is multiplied by gates[policies[s] * gate_stride + head]; null: by 1. A group
  // of heads that are all off reads nothing.
  const float* gates = nullptr;
  const int64_t* policies = nullptr;  // [S]
  int64_t gate_stride = 0;
  // 1 .. kMaxSplits; short sequences use fewer. More than one needs the workspace.
  int64_t splits = 1;
  float* workspace = nullptr;       // decode_attention_workspace() floats
  Element* out = nullptr;           // [S, H, D]
  int64_t* largest_keys = nullptr;  // [S, H] or null: the key with the largest weight, the first
                                    // of equals; also for heads that are off
};

// True for head_dim 64 and 128.
bool has_decode_attention(int64_t head_dim);

int64_t decode_attention_workspace(int64_t sequences,
                                   int64_t heads,
                                   int64_t head_dim,
                                   int64_t splits);

// out = gate * softmax(q k^T / sqrt(D)) v, summed in float32 and rounded once.
void decode_attention(const DecodeAttention<float>& work, Stream stream);
void decode_attention(const DecodeAttention<BFloat16>& work, Stream stream);

}  // namespace retmask::kernels::cuda
