#include "retmask/kernels/paged_attention.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "attention_tiles.h"
#include "attention_weights.h"
#include "simd.h"
#include "workspace.h"

namespace retmask::kernels {
namespace {

// Rows, a row being one query head of one token, that are computed together: two tiles of AMX.
constexpr int64_t kMostRows = 32;
// Keys between two updates of the online softmax.
constexpr int64_t kChunk = kMostBlocks * kBlockTokens;
// Below any score, but finite: the difference of two of them is 0, not NaN.
constexpr float kNoScore = -FLT_MAX;

struct RowState {
  float largest = kNoScore;  // score so far
  float total = 0;           // of the weights relative to it
  int64_t first = 0;         // visible positions: [first, end)
  int64_t end = 0;
  int64_t largest_key = 0;
};

RETMASK_SIMD_CLONES void multiply_row(float* row, int64_t count, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) row[i] *= factor;
}

template <typename Element>
RETMASK_INLINE void narrow_row(const float* from, int64_t count, float factor, Element* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) narrow(factor * from[i], to[i]);
}
RETMASK_SIMD_CLONES void store_row(const float* from, int64_t count, float factor, float* to) {
  narrow_row(from, count, factor, to);
}
RETMASK_SIMD_CLONES void store_row(const float* from, int64_t count, float factor, BFloat16* to) {
  narrow_row(from, count, factor, to);
}

template <typename Element>
class Attention {
 public:
  Attention(const PagedKeyValues<Element>& cache,
            const GroupQueries<Element>& queries,
            std::vector<float>& scratch)
      : cache_(cache), queries_(queries), workspace_(scratch, scratch_bytes(cache.head_dim)) {
    rows_ = workspace_.template take<Element>(kMostRows * dim());
    scores_ = workspace_.template take<float>(kMostRows * kChunk);
    weights_ = workspace_.template take<Element>(kMostRows * kChunk);
    sums_ = workspace_.template take<float>(kMostRows * dim());
    // A head that is off needs no work unless its largest key is requested.
    for (int64_t g = 0; g < queries.group; ++g) {
      if (gate(g) == 0)
        for (int64_t t = 0; t < queries.tokens; ++t) std::fill_n(out(t, g), dim(), Element{});
      if (gate(g) != 0 || queries.largest_key != nullptr) heads_.push_back(g);
    }
  }

  void run() {
    const int64_t count = queries_.tokens * static_cast<int64_t>(heads_.size());
    for (int64_t row = 0; row < count; row += kMostRows)
      attend_rows(row, std::min(kMostRows, count - row));
  }

 private:
  static int64_t scratch_bytes(int64_t dim) {
    return Workspace::size_of<Element>(kMostRows * dim) +
           Workspace::size_of<float>(kMostRows * kChunk) +
           Workspace::size_of<Element>(kMostRows * kChunk) +
           Workspace::size_of<float>(kMostRows * dim);
  }

  int64_t dim() const { return cache_.head_dim; }
  float gate(int64_t g) const { return queries_.gate != nullptr ? widen(queries_.gate[g]) : 1.0F; }
  Element* out(int64_t token, int64_t g) const {
    return queries_.out + token * queries_.out_stride + g * dim();
  }
  // Rows are ordered by token, then by head.
  int64_t token_of(int64_t row) const { return row / static_cast<int64_t>(heads_.size()); }
  int64_t head_of(int64_t row) const { return heads_[static_cast<size_t>(row) % heads_.size()]; }

  const Element* block(const Element* base, int64_t index) const {
    const int64_t place =
        cache_.blocks[index] * cache_.num_key_value_heads + queries_.key_value_head;
    return base + place * kBlockTokens * dim();
  }
  // Blocks of the chunk from `first`, a block index, that end before `end`, a position.
  struct Chunk {
    const Element* keys[kMostBlocks];
    const Element* values[kMostBlocks];
    int64_t num_blocks;
  };
  Chunk chunk_at(int64_t first, int64_t end) const {
    Chunk chunk;
    const int64_t next = (first / kMostBlocks + 1) * kMostBlocks;
    chunk.num_blocks = std::min(next, (end + kBlockTokens - 1) / kBlockTokens) - first;
    for (int64_t i = 0; i < chunk.num_blocks; ++i) {
      chunk.keys[i] = block(cache_.keys, first + i);
      chunk.values[i] = block(cache_.values, first + i);
    }
    return chunk;
  }

  void attend_rows(int64_t first_row, int64_t count) {
    int64_t first = INT64_MAX;
    for (int64_t r = 0; r < count; ++r) {
      const int64_t token = token_of(first_row + r);
      const int64_t end = queries_.position + token + 1;
      states_[r] = {.first = std::max<int64_t>(0, end - queries_.window), .end = end};
      first = std::min(first, states_[r].first);
      std::copy_n(queries_.q + token * queries_.q_stride + head_of(first_row + r) * dim(),
                  dim(),
                  rows_ + r * dim());
    }
    std::fill_n(sums_, count * dim(), 0.0F);
    const int64_t end = states_[count - 1].end;
    int64_t block = first / kBlockTokens;
    Chunk chunk = chunk_at(block, end);
    while (chunk.num_blocks > 0) {
      const int64_t next_block = block + chunk.num_blocks;
      const Chunk next = chunk_at(next_block, end);
      score_blocks(BlockScores<Element>{.rows = rows_,
                                        .num_rows = count,
                                        .head_dim = dim(),
                                        .blocks = chunk.keys,
                                        .num_blocks = chunk.num_blocks,
                                        .scores = scores_,
                                        .stride = kChunk,
                                        .next = chunk.values});
      update(count, block * kBlockTokens, chunk.num_blocks * kBlockTokens);
      add_weighted_blocks(BlockSums<Element>{
          .weights = weights_,
          .stride = kChunk,
          .num_rows = count,
          .head_dim = dim(),
          .blocks = chunk.values,
          .num_tokens = std::min(next_block * kBlockTokens, end) - block * kBlockTokens,
          .sums = sums_,
          .next = next.keys,
          .num_next = next.num_blocks});
      block = next_block;
      chunk = next;
    }
    for (int64_t r = 0; r < count; ++r) finish(first_row + r, states_[r], sums_ + r * dim());
  }

  float scale() const { return 1.0F / std::sqrt(static_cast<float>(dim())); }

  // Turns the scores of `width` keys from position `start` on into weights, and rescales the sums.
  void update(int64_t count, int64_t start, int64_t width) {
    for (int64_t r = 0; r < count; ++r) {
      RowState& state = states_[r];
      const int64_t begin = std::clamp<int64_t>(state.first - start, 0, width);
      const ScoreRow row{.scores = scores_ + r * kChunk,
                         .begin = begin,
                         .end = std::clamp<int64_t>(state.end - start, begin, width),
                         .width = width};
      const float largest = largest_score(row);
      if (largest > state.largest) {
        if (queries_.largest_key != nullptr) {
          const float* end = row.scores + row.end;
          state.largest_key = start + (std::find(row.scores + begin, end, largest) - row.scores);
        }
        const float factor = fast_exp((state.largest - largest) * scale());
        state.largest = largest;
        state.total *= factor;
        multiply_row(sums_ + r * dim(), dim(), factor);
      }
      state.total += exp_weights(row, scale(), state.largest, weights_ + r * kChunk);
    }
  }

  void finish(int64_t row, const RowState& state, const float* sums) const {
    const int64_t token = token_of(row);
    const int64_t g = head_of(row);
    if (gate(g) != 0) store_row(sums, dim(), gate(g) / state.total, out(token, g));
    if (queries_.largest_key != nullptr && token == queries_.tokens - 1)
      queries_.largest_key[g] = state.largest_key;
    if (queries_.log_sums != nullptr)
      queries_.log_sums[token * queries_.log_sums_stride + g] =
          state.largest * scale() + std::log(state.total);
  }

  const PagedKeyValues<Element>& cache_;
  const GroupQueries<Element>& queries_;
  std::vector<int64_t> heads_;
  Workspace workspace_;
  Element* rows_;     // [kMostRows, D]
  float* scores_;     // [kMostRows, kChunk]
  Element* weights_;  // [kMostRows, kChunk]
  float* sums_;       // [kMostRows, D]
  RowState states_[kMostRows];
};

}  // namespace

void attend(const PagedKeyValues<float>& cache,
            const GroupQueries<float>& queries,
            std::vector<float>& scratch) {
  Attention<float>(cache, queries, scratch).run();
}
void attend(const PagedKeyValues<BFloat16>& cache,
            const GroupQueries<BFloat16>& queries,
            std::vector<float>& scratch) {
  Attention<BFloat16>(cache, queries, scratch).run();
}

}  // namespace retmask::kernels
