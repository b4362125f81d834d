#include "retmask/kernels/sequence_attention.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attention_tiles.h"
#include "attention_weights.h"
#include "retmask/kernels/paged_attention.h"
#include "simd.h"
#include "workspace.h"

namespace retmask::kernels {
namespace {

// Keys that are computed together.
constexpr int64_t kChunk = kMostBlocks * kBlockTokens;

constexpr int64_t blocks_for(int64_t tokens) { return (tokens + kBlockTokens - 1) / kBlockTokens; }

// `count` rows as blocks of keys or values, completed by zeros.
template <typename Element, typename Store>
void store_blocks(
    Rows<const Element> rows, int64_t count, int64_t dim, Element* blocks, const Store& store) {
  std::fill_n(blocks, blocks_for(count) * kBlockTokens * dim, Element{});
  for (int64_t i = 0; i < count; ++i)
    store(rows.data + i * rows.stride,
          i % kBlockTokens,
          dim,
          blocks + i / kBlockTokens * kBlockTokens * dim);
}
template <typename Element>
void store_keys(Rows<const Element> rows, int64_t count, int64_t dim, Element* blocks) {
  store_blocks(rows, count, dim, blocks, store_key<Element>);
}
template <typename Element>
void store_values(Rows<const Element> rows, int64_t count, int64_t dim, Element* blocks) {
  store_blocks(rows, count, dim, blocks, store_value<Element>);
}

// Pointers to adjacent blocks.
template <typename Element>
struct BlockPointers {
  const Element* data[kMostBlocks];
  BlockPointers(const Element* first, int64_t count, int64_t dim) {
    for (int64_t i = 0; i < count; ++i) data[i] = first + i * kBlockTokens * dim;
  }
};

template <typename Element>
Rows<Element> part(const Rows<Element>& rows, int64_t token, int64_t offset) {
  return {rows.data + token * rows.stride + offset, rows.stride};
}

template <typename Element>
void attend_group(const SequenceAttention<Element>& a, std::vector<float>& scratch) {
  const auto [tokens, group, dim, window] = a.shape;
  const int64_t size = blocks_for(tokens) * kBlockTokens * dim;
  std::vector<float> buffer;
  Workspace workspace(
      scratch,
      2 * Workspace::size_of<Element>(size) + Workspace::size_of<int32_t>(blocks_for(tokens)));
  auto* keys = workspace.take<Element>(size);
  auto* values = workspace.take<Element>(size);
  auto* table = workspace.take<int32_t>(blocks_for(tokens));
  store_keys(a.k, tokens, dim, keys);
  store_values(a.v, tokens, dim, values);
  std::iota(table, table + blocks_for(tokens), 0);
  attend(PagedKeyValues<Element>{.keys = keys,
                                 .values = values,
                                 .num_key_value_heads = 1,
                                 .head_dim = dim,
                                 .blocks = table},
         GroupQueries<Element>{.q = a.q.data,
                               .q_stride = a.q.stride,
                               .tokens = tokens,
                               .position = 0,
                               .window = window,
                               .group = group,
                               .key_value_head = 0,
                               .out = a.out.data,
                               .out_stride = a.out.stride,
                               .log_sums = a.log_sums.data,
                               .log_sums_stride = a.log_sums.stride},
         buffer);
}

template <typename Element>
RETMASK_INLINE float dot_rows(const Element* a, const Element* b, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += widen(a[i]) * widen(b[i]);
  return sum;
}
RETMASK_SIMD_CLONES float dot(const float* a, const float* b, int64_t count) {
  return dot_rows(a, b, count);
}
RETMASK_SIMD_CLONES float dot(const BFloat16* a, const BFloat16* b, int64_t count) {
  return dot_rows(a, b, count);
}

template <typename Element>
void store_scaled(const float* from, int64_t count, int64_t dim, float scale, Rows<Element> to) {
  for (int64_t row = 0; row < count; ++row)
    for (int64_t i = 0; i < dim; ++i)
      narrow(scale * from[row * dim + i], to.data[row * to.stride + i]);
}

// `count` rows without gaps, and zeros up to whole blocks.
template <typename Element>
void copy_rows(Rows<const Element> rows, int64_t count, int64_t dim, Element* to) {
  for (int64_t i = 0; i < count; ++i) std::copy_n(rows.data + i * rows.stride, dim, to + i * dim);
  std::fill(to + count * dim, to + blocks_for(count) * kBlockTokens * dim, Element{});
}

// The backward pass computes scores with the keys as rows, so that weights and dscores are at once
// the weights of the queries in dv and dk; dq is summed transposed.
template <typename Element>
class AttentionGradient {
 public:
  AttentionGradient(const SequenceAttentionGradient<Element>& a, std::vector<float>& scratch)
      : a_(a),
        padded_(blocks_for(a.shape.tokens) * kBlockTokens),
        workspace_(scratch, scratch_bytes()) {
    k_ = workspace_.template take<Element>(padded_ * dim());
    v_ = workspace_.template take<Element>(padded_ * dim());
    transposed_k_ = workspace_.template take<Element>(padded_ * dim());
    dk_ = workspace_.template take<float>(padded_ * dim());
    dv_ = workspace_.template take<float>(padded_ * dim());
    q_keys_ = workspace_.template take<Element>(kTileQueries * dim());
    q_values_ = workspace_.template take<Element>(kTileQueries * dim());
    dout_keys_ = workspace_.template take<Element>(kTileQueries * dim());
    dout_values_ = workspace_.template take<Element>(kTileQueries * dim());
    transposed_dq_ = workspace_.template take<float>(kTileQueries * dim());
    scores_ = workspace_.template take<float>(kChunk * kTileQueries);
    dweights_ = workspace_.template take<float>(kChunk * kTileQueries);
    weights_ = workspace_.template take<Element>(kChunk * kTileQueries);
    dscores_ = workspace_.template take<Element>(kChunk * kTileQueries);
    dscore_blocks_ = workspace_.template take<Element>(kChunk * kTileQueries);
  }

  void run() {
    const int64_t tokens = a_.shape.tokens;
    copy_rows(a_.k, tokens, dim(), k_);
    copy_rows(a_.v, tokens, dim(), v_);
    for (int64_t i = 0; i < dim(); ++i)
      for (int64_t token = 0; token < padded_; ++token)
        transposed_k_[i * padded_ + token] = k_[token * dim() + i];
    std::fill_n(dk_, padded_ * dim(), 0.0F);
    std::fill_n(dv_, padded_ * dim(), 0.0F);
    for (int64_t head = 0; head < a_.shape.group; ++head) {
      for (int64_t query = 0; query < tokens; query += kTileQueries)
        add_queries(head, query, std::min(kTileQueries, tokens - query));
    }
    store_scaled(dk_, tokens, dim(), scale(), a_.dk);
    store_scaled(dv_, tokens, dim(), 1.0F, a_.dv);
  }

 private:
  int64_t scratch_bytes() const {
    return 3 * Workspace::size_of<Element>(padded_ * dim()) +
           2 * Workspace::size_of<float>(padded_ * dim()) +
           4 * Workspace::size_of<Element>(kTileQueries * dim()) +
           Workspace::size_of<float>(kTileQueries * dim()) +
           2 * Workspace::size_of<float>(kChunk * kTileQueries) +
           3 * Workspace::size_of<Element>(kChunk * kTileQueries);
  }
  int64_t dim() const { return a_.shape.head_dim; }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(dim())); }

  // Adds the gradients of `count` queries of one head.
  void add_queries(int64_t head, int64_t query, int64_t count) {
    const auto q = part(a_.q, query, head * dim());
    const auto dout = part(a_.dout, query, head * dim());
    const auto out = part(a_.out, query, head * dim());
    store_keys(q, count, dim(), q_keys_);
    store_values(q, count, dim(), q_values_);
    store_keys(dout, count, dim(), dout_keys_);
    store_values(dout, count, dim(), dout_values_);
    GradientTile<Element> tile{.scores = scores_,
                               .dweights = dweights_,
                               .scale = scale(),
                               .log_sums = {},
                               .pulls = {},
                               .first = {},
                               .end = {},
                               .weights = weights_,
                               .dscores = dscores_,
                               .dscore_blocks = dscore_blocks_};
    for (int64_t i = 0; i < count; ++i) {
      tile.log_sums[i] = part(a_.log_sums, query + i, head).data[0];
      tile.pulls[i] = dot(dout.data + i * dout.stride, out.data + i * out.stride, dim());
    }
    std::fill_n(transposed_dq_, kTileQueries * dim(), 0.0F);
    const int64_t first_key = std::max<int64_t>(0, query + 1 - a_.shape.window);
    const int64_t end_key = blocks_for(query + count) * kBlockTokens;
    for (int64_t key = first_key / kBlockTokens * kBlockTokens; key < end_key; key += kChunk) {
      tile.keys = std::min(kChunk, end_key - key);
      for (int64_t i = 0; i < count; ++i) {
        tile.first[i] = static_cast<int32_t>(query + i + 1 - a_.shape.window - key);
        tile.end[i] = static_cast<int32_t>(query + i + 1 - key);
      }
      score(k_ + key * dim(), tile.keys, q_keys_, count, scores_);
      score(v_ + key * dim(), tile.keys, dout_keys_, count, dweights_);
      gradients_of_scores(tile);
      add(weights_, kTileQueries, tile.keys, dim(), dout_values_, count, dv_ + key * dim());
      add(dscores_, kTileQueries, tile.keys, dim(), q_values_, count, dk_ + key * dim());
      add(transposed_k_ + key,
          padded_,
          dim(),
          kTileQueries,
          dscore_blocks_,
          tile.keys,
          transposed_dq_);
    }
    const auto dq = part(a_.dq, query, head * dim());
    for (int64_t i = 0; i < count; ++i)
      for (int64_t d = 0; d < dim(); ++d)
        narrow(scale() * transposed_dq_[d * kTileQueries + i], dq.data[i * dq.stride + d]);
  }

  // rows [num_rows, D] times the `count` queries in `blocks`: [num_rows, kTileQueries].
  void score(const Element* rows,
             int64_t num_rows,
             const Element* blocks,
             int64_t count,
             float* scores) const {
    const BlockPointers<Element> pointers(blocks, blocks_for(count), dim());
    score_blocks(BlockScores<Element>{.rows = rows,
                                      .num_rows = num_rows,
                                      .head_dim = dim(),
                                      .blocks = pointers.data,
                                      .num_blocks = blocks_for(count),
                                      .scores = scores,
                                      .stride = kTileQueries});
  }

  // sums [num_rows, width] += weights [num_rows, count] times `count` rows of `width` in `blocks`.
  static void add(const Element* weights,
                  int64_t stride,
                  int64_t num_rows,
                  int64_t width,
                  const Element* blocks,
                  int64_t count,
                  float* sums) {
    const BlockPointers<Element> pointers(blocks, blocks_for(count), width);
    add_weighted_blocks(BlockSums<Element>{.weights = weights,
                                           .stride = stride,
                                           .num_rows = num_rows,
                                           .head_dim = width,
                                           .blocks = pointers.data,
                                           .num_tokens = count,
                                           .sums = sums});
  }

  const SequenceAttentionGradient<Element>& a_;
  const int64_t padded_;  // tokens in whole blocks
  Workspace workspace_;
  Element* k_;  // [padded, D]
  Element* v_;
  Element* transposed_k_;  // [D, padded]
  float* dk_;              // [padded, D]
  float* dv_;
  // A tile of queries as keys, for the scores, and as values, for the sums.
  Element* q_keys_;
  Element* q_values_;
  Element* dout_keys_;
  Element* dout_values_;
  float* transposed_dq_;  // [D, kTileQueries]
  float* scores_;         // [kChunk, kTileQueries]
  float* dweights_;
  Element* weights_;
  Element* dscores_;
  Element* dscore_blocks_;
};

}  // namespace

void attend(const SequenceAttention<float>& attention, std::vector<float>& scratch) {
  attend_group(attention, scratch);
}
void attend(const SequenceAttention<BFloat16>& attention, std::vector<float>& scratch) {
  attend_group(attention, scratch);
}
void attend_backward(const SequenceAttentionGradient<float>& gradient,
                     std::vector<float>& scratch) {
  AttentionGradient<float>(gradient, scratch).run();
}
void attend_backward(const SequenceAttentionGradient<BFloat16>& gradient,
                     std::vector<float>& scratch) {
  AttentionGradient<BFloat16>(gradient, scratch).run();
}

}  // namespace retmask::kernels
