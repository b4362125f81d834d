#include "decode_split.cuh"
#include "element.cuh"
#include "launch.cuh"
#include "scalar_attention.cuh"
#include "tensor_core_attention.cuh"

namespace retmask::kernels::cuda {
namespace {

// One thread block: one split of a sequence, for up to kGroup query heads of a key/value head, by
// ScalarAttention or TensorCoreAttention. A warp takes every fourth tile of keys. Two blocks per
// multiprocessor leave enough registers for all variants; most need fewer, so that more blocks fit.
template <typename Attention>
__global__ void __launch_bounds__(kThreads, 2)
    attend_kernel(const DecodeAttention<typename Attention::Element> work, const int group_tiles) {
  constexpr int D = Attention::kDim;
  constexpr int G = Attention::kGroup;
  constexpr int kTile = Attention::kTile;
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

  bool any_on = Attention::kLargestKey && span.splits > 0;
  for (int g = 0; g < num_heads && span.splits > 0; ++g)
    any_on = any_on || gate_of(work, sequence, first_head + g) != 0.0F;
  if (!any_on) {  // uniform across the block
    if (!is_whole) return;
    for (int i = threadIdx.x; i < num_heads * D; i += kThreads)
      from_float(0.0F, work.out[(sequence * work.heads + first_head) * D + i]);
    return;
  }

  const int warp = threadIdx.x / 32;
  Attention attention(work.q + sequence * work.q_stride + first_head * D, num_heads);
  const int32_t* table = work.cache.block_tables + work.cache.table_starts[sequence];
  const int64_t last_block = span.first_block + (split + 1) * span.split_blocks;
  const int64_t split_end =
      last_block * kBlockTokens < span.end ? last_block * kBlockTokens : span.end;
  const int64_t split_begin = (span.first_block + split * span.split_blocks) * kBlockTokens;
  for (int64_t tile = split_begin + warp * kTile; tile < split_end; tile += kWarps * kTile) {
    const int64_t block = table[tile / kBlockTokens];
    const int64_t row =
        (block * work.key_value_heads + kv_head) * kBlockTokens + tile % kBlockTokens;
    attention.add_tile(work.cache.keys + row * D,
                       work.cache.values + row * D,
                       static_cast<int>(tile),
                       static_cast<int>(span.first - tile),
                       static_cast<int>(split_end - tile));
  }

  // Merge the warps through shared memory.
  __shared__ WarpResults<G, D> results;
  attention.store(results, warp);
  __syncthreads();
  for (int item = threadIdx.x; item < num_heads * D; item += kThreads) {
    const int g = item / D;
    const int i = item % D;
    float both = kNoScore;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) both = fmaxf(both, results.largest[w][g]);
    float total = 0.0F;
    float sum = 0.0F;
    int32_t key = INT32_MAX;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      const float weight = exp2f(results.largest[w][g] - both);
      total += weight * results.totals[w][g];
      sum += weight * results.sums[w][g][i];
      if (Attention::kLargestKey && results.largest[w][g] == both &&
          results.largest_key[w][g] < key)
        key = results.largest_key[w][g];
    }
    const int64_t head = first_head + g;
    if (is_whole) {
      const float gate = gate_of(work, sequence, head);
      from_float(gate == 0.0F ? 0.0F : gate * sum / total,
                 work.out[(sequence * work.heads + head) * D + i]);
      if (Attention::kLargestKey && i == 0) work.largest_keys[sequence * work.heads + head] = key;
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

template <typename Attention>
void launch_splits(const DecodeAttention<typename Attention::Element>& work, Stream stream) {
  const int64_t group = work.heads / work.key_value_heads;
  const auto group_tiles = static_cast<int>((group + Attention::kGroup - 1) / Attention::kGroup);
  const dim3 grid(static_cast<unsigned>(work.splits),
                  static_cast<unsigned>(work.key_value_heads * group_tiles),
                  static_cast<unsigned>(work.sequences));
  launch(attend_kernel<Attention>, grid, kThreads, 0, stream, work, group_tiles);
  if (work.splits == 1) return;
  const dim3 heads(static_cast<unsigned>(work.heads), static_cast<unsigned>(work.sequences));
  launch(combine_kernel<typename Attention::Element, Attention::kDim, Attention::kLargestKey>,
         heads,
         Attention::kDim,
         0,
         stream,
         work);
}

template <int D, bool kLargestKey>
void launch_group(const DecodeAttention<float>& work, Stream stream) {
  const int64_t group = work.heads / work.key_value_heads;
  if (group == 1) return launch_splits<ScalarAttention<D, 1, kLargestKey>>(work, stream);
  if (group == 2) return launch_splits<ScalarAttention<D, 2, kLargestKey>>(work, stream);
  if (group <= 4) return launch_splits<ScalarAttention<D, 4, kLargestKey>>(work, stream);
  launch_splits<ScalarAttention<D, 8, kLargestKey>>(work, stream);
}
// Tensor cores take fewer instructions than the CUDA cores even for one head.
template <int D, bool kLargestKey>
void launch_group(const DecodeAttention<BFloat16>& work, Stream stream) {
  launch_splits<TensorCoreAttention<D, kLargestKey>>(work, stream);
}

template <int D, typename Element>
void launch_head_dim(const DecodeAttention<Element>& work, Stream stream) {
  if (work.largest_keys != nullptr) return launch_group<D, true>(work, stream);
  launch_group<D, false>(work, stream);
}

template <typename Element>
void launch_any(const DecodeAttention<Element>& work, Stream stream) {
  if (work.sequences == 0) return;
  if (work.head_dim == 64) return launch_head_dim<64>(work, stream);
  launch_head_dim<128>(work, stream);
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
