#include "retmask/kernels/sequence_attention.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attention_tiles.h"
#include "retmask/kernels/paged_attention.h"
#include "simd.h"
#include "workspace.h"

namespace retmask::kernels {
namespace {

// Queries of the backward pass that are computed together.
constexpr int64_t kMostQueries = 32;
constexpr int64_t kQueryBlocks = kMostQueries / kBlockTokens;
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

// For one query: weights = exp(scale * score - log_sum) and dscores = weight * (dweight - pull) of
// the visible keys [begin, end), zeros for the others of [0, kChunk).
template <typename Element>
RETMASK_INLINE void weigh(const float* scores,
                          const float* dweights,
                          int64_t begin,
                          int64_t end,
                          float scale,
                          float log_sum,
                          float pull,
                          Element* weights,
                          Element* dscores) {
  std::fill_n(weights, begin, Element{});
  std::fill_n(dscores, begin, Element{});
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float weight = fast_exp(scores[i] * scale - log_sum);
    narrow(weight, weights[i]);
    narrow(weight * (dweights[i] - pull), dscores[i]);
  }
  std::fill(weights + end, weights + kChunk, Element{});
  std::fill(dscores + end, dscores + kChunk, Element{});
}
RETMASK_SIMD_CLONES void score_gradients(const float* scores,
                                         const float* dweights,
                                         int64_t begin,
                                         int64_t end,
                                         float scale,
                                         float log_sum,
                                         float pull,
                                         float* weights,
                                         float* dscores) {
  weigh(scores, dweights, begin, end, scale, log_sum, pull, weights, dscores);
}
RETMASK_SIMD_CLONES void score_gradients(const float* scores,
                                         const float* dweights,
                                         int64_t begin,
                                         int64_t end,
                                         float scale,
                                         float log_sum,
                                         float pull,
                                         BFloat16* weights,
                                         BFloat16* dscores) {
  weigh(scores, dweights, begin, end, scale, log_sum, pull, weights, dscores);
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

// x [rows, kChunk] -> [kChunk, kMostQueries], columns from `rows` on zero.
template <typename Element>
void transpose(const Element* x, int64_t rows, Element* out) {
  for (int64_t key = 0; key < kChunk; ++key) {
    for (int64_t row = 0; row < rows; ++row) out[key * kMostQueries + row] = x[row * kChunk + key];
    std::fill(out + key * kMostQueries + rows, out + (key + 1) * kMostQueries, Element{});
  }
}

template <typename Element>
void store_scaled(const float* from, int64_t count, int64_t dim, float scale, Rows<Element> to) {
  for (int64_t row = 0; row < count; ++row)
    for (int64_t i = 0; i < dim; ++i)
      narrow(scale * from[row * dim + i], to.data[row * to.stride + i]);
}

template <typename Element>
class AttentionGradient {
 public:
  AttentionGradient(const SequenceAttentionGradient<Element>& a, std::vector<float>& scratch)
      : a_(a), blocks_(blocks_for(a.shape.tokens)), workspace_(scratch, scratch_bytes()) {
    key_blocks_ = workspace_.template take<Element>(size());
    key_sums_blocks_ = workspace_.template take<Element>(size());
    value_blocks_ = workspace_.template take<Element>(size());
    dk_ = workspace_.template take<float>(size());
    dv_ = workspace_.template take<float>(size());
    q_ = workspace_.template take<Element>(kMostQueries * dim());
    dout_ = workspace_.template take<Element>(kMostQueries * dim());
    q_blocks_ = workspace_.template take<Element>(kMostQueries * dim());
    dout_blocks_ = workspace_.template take<Element>(kMostQueries * dim());
    dq_ = workspace_.template take<float>(kMostQueries * dim());
    scores_ = workspace_.template take<float>(kMostQueries * kChunk);
    dweights_ = workspace_.template take<float>(kMostQueries * kChunk);
    weights_ = workspace_.template take<Element>(kMostQueries * kChunk);
    dscores_ = workspace_.template take<Element>(kMostQueries * kChunk);
    transposed_ = workspace_.template take<Element>(kMostQueries * kChunk);
  }

  void run() {
    const int64_t tokens = a_.shape.tokens;
    store_keys(a_.k, tokens, dim(), key_blocks_);
    store_values(a_.k, tokens, dim(), key_sums_blocks_);
    store_keys(a_.v, tokens, dim(), value_blocks_);
    std::fill_n(dk_, size(), 0.0F);
    std::fill_n(dv_, size(), 0.0F);
    for (int64_t head = 0; head < a_.shape.group; ++head) {
      for (int64_t query = 0; query < tokens; query += kMostQueries)
        add_queries(head, query, std::min(kMostQueries, tokens - query));
    }
    store_scaled(dk_, tokens, dim(), scale(), a_.dk);
    store_scaled(dv_, tokens, dim(), 1.0F, a_.dv);
  }

 private:
  int64_t scratch_bytes() const {
    return 3 * Workspace::size_of<Element>(size()) + 2 * Workspace::size_of<float>(size()) +
           4 * Workspace::size_of<Element>(kMostQueries * dim()) +
           Workspace::size_of<float>(kMostQueries * dim()) +
           2 * Workspace::size_of<float>(kMostQueries * kChunk) +
           3 * Workspace::size_of<Element>(kMostQueries * kChunk);
  }
  int64_t dim() const { return a_.shape.head_dim; }
  int64_t size() const { return blocks_ * kBlockTokens * dim(); }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(dim())); }

  // Adds the gradients of `count` queries of one head.
  void add_queries(int64_t head, int64_t query, int64_t count) {
    const auto q = part(a_.q, query, head * dim());
    const auto dout = part(a_.dout, query, head * dim());
    const auto out = part(a_.out, query, head * dim());
    store_values(q, count, dim(), q_blocks_);
    store_values(dout, count, dim(), dout_blocks_);
    float pulls[kMostQueries];
    for (int64_t i = 0; i < count; ++i) {
      std::copy_n(q.data + i * q.stride, dim(), q_ + i * dim());
      std::copy_n(dout.data + i * dout.stride, dim(), dout_ + i * dim());
      pulls[i] = dot(dout.data + i * dout.stride, out.data + i * out.stride, dim());
    }
    std::fill_n(dq_, count * dim(), 0.0F);
    const int64_t first_key = std::max<int64_t>(0, query + 1 - a_.shape.window);
    const int64_t end_key = query + count;
    for (int64_t key = first_key / kBlockTokens * kBlockTokens; key < end_key; key += kChunk) {
      const int64_t keys = std::min(kChunk, blocks_ * kBlockTokens - key);
      score(q_, count, key_blocks_, key, keys, scores_);
      score(dout_, count, value_blocks_, key, keys, dweights_);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t first = std::max<int64_t>(0, query + i + 1 - a_.shape.window);
        const int64_t begin = std::clamp<int64_t>(first - key, 0, keys);
        score_gradients(scores_ + i * kChunk,
                        dweights_ + i * kChunk,
                        begin,
                        std::clamp<int64_t>(query + i + 1 - key, begin, keys),
                        scale(),
                        part(a_.log_sums, query + i, head).data[0],
                        pulls[i],
                        weights_ + i * kChunk,
                        dscores_ + i * kChunk);
      }
      const BlockPointers<Element> key_rows(
          block_at(key_sums_blocks_, key), keys / kBlockTokens, dim());
      add_weighted_blocks(BlockSums<Element>{.weights = dscores_,
                                             .stride = kChunk,
                                             .num_rows = count,
                                             .head_dim = dim(),
                                             .blocks = key_rows.data,
                                             .num_tokens = keys,
                                             .sums = dq_});
      add_transposed(weights_, count, dout_blocks_, keys, dv_ + key * dim());
      add_transposed(dscores_, count, q_blocks_, keys, dk_ + key * dim());
    }
    store_scaled(dq_, count, dim(), scale(), part(a_.dq, query, head * dim()));
  }

  const Element* block_at(const Element* blocks, int64_t token) const {
    return blocks + token * dim();
  }

  // rows [count, D] times the keys (or values) of [key, key + keys): [count, kChunk].
  void score(const Element* rows,
             int64_t count,
             const Element* blocks,
             int64_t key,
             int64_t keys,
             float* scores) const {
    const BlockPointers<Element> pointers(block_at(blocks, key), keys / kBlockTokens, dim());
    score_blocks(BlockScores<Element>{.rows = rows,
                                      .num_rows = count,
                                      .head_dim = dim(),
                                      .blocks = pointers.data,
                                      .num_blocks = keys / kBlockTokens,
                                      .scores = scores,
                                      .stride = kChunk});
  }

  // Adds transposed weights [count, keys] times the queries' rows in `blocks` to sums [keys, D].
  void add_transposed(
      const Element* weights, int64_t count, const Element* blocks, int64_t keys, float* sums) {
    transpose(weights, count, transposed_);
    const BlockPointers<Element> pointers(blocks, kQueryBlocks, dim());
    add_weighted_blocks(BlockSums<Element>{.weights = transposed_,
                                           .stride = kMostQueries,
                                           .num_rows = keys,
                                           .head_dim = dim(),
                                           .blocks = pointers.data,
                                           .num_tokens = count,
                                           .sums = sums});
  }

  const SequenceAttentionGradient<Element>& a_;
  const int64_t blocks_;
  Workspace workspace_;
  Element* key_blocks_;       // as keys, for the scores
  Element* key_sums_blocks_;  // as values, for dq
  Element* value_blocks_;     // as keys, for dweights
  float* dk_;                 // [tokens, D]
  float* dv_;
  Element* q_;  // [kMostQueries, D]
  Element* dout_;
  Element* q_blocks_;  // as values, for dk and dv
  Element* dout_blocks_;
  float* dq_;
  float* scores_;  // [kMostQueries, kChunk]
  float* dweights_;
  Element* weights_;
  Element* dscores_;
  Element* transposed_;  // [kChunk, kMostQueries]
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
