#include "retmask/kernels/paged_attention.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <utility>

#include "attention_tiles.h"
#include "attention_weights.h"
#include "simd.h"
#include "workspace.h"

namespace retmask::kernels {
namespace {

// Rows, a row being one query head of one token, whose scores are computed together: two tiles of
// AMX.
constexpr int64_t kMostRows = 32;
// Rows that pass over the keys and values together: all tiles but the first find a chunk of keys
// and values in the caches of the core. Those of 2,048 tokens would not stay there for a pass of
// their own.
constexpr int64_t kMostTiles = 4;
constexpr int64_t kMostPassRows = kMostTiles * kMostRows;
// Keys between two updates of the online softmax.
constexpr int64_t kChunk = kMostBlocks * kBlockTokens;
// Below any score, but finite: the difference of two of them is 0, not NaN.
constexpr float kNoScore = -FLT_MAX;

struct RowState {
  float largest;  // score so far
  float total;    // of the weights relative to it
  int64_t first;  // visible positions: [first, end)
  int64_t end;
  int64_t largest_key;
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

// Rows that are computed together, and the positions that any of them sees: [first, end).
struct RowTile {
  int64_t begin;
  int64_t count;
  int64_t first;
  int64_t end;
};

template <typename Element>
class Attention {
 public:
  Attention(const PagedKeyValues<Element>& cache,
            const GroupQueries<Element>& queries,
            std::vector<float>& scratch)
      : cache_(cache),
        queries_(queries),
        heads_(heads_to_compute(queries)),
        workspace_(scratch, scratch_bytes(cache.head_dim)) {
    rows_ = workspace_.template take<Element>(kMostPassRows * dim());
    scores_ = workspace_.template take<float>(kMostRows * kChunk);
    weights_ = workspace_.template take<Element>(kMostRows * kChunk);
    sums_ = workspace_.template take<float>(kMostPassRows * dim());
  }

  void run() {
    clear_heads_that_are_off();
    const int64_t count = queries_.tokens * static_cast<int64_t>(heads_.size());
    for (int64_t row = 0; row < count; row += kMostPassRows)
      attend_rows(row, std::min(kMostPassRows, count - row));
  }

 private:
  // A head that is off needs no work unless its largest key is requested.
  static std::vector<int64_t> heads_to_compute(const GroupQueries<Element>& queries) {
    std::vector<int64_t> heads;
    for (int64_t g = 0; g < queries.group; ++g)
      if (gate_of(queries, g) != 0 || queries.largest_key != nullptr) heads.push_back(g);
    return heads;
  }
  static float gate_of(const GroupQueries<Element>& queries, int64_t g) {
    return queries.gate != nullptr ? widen(queries.gate[g]) : 1.0F;
  }

  static int64_t scratch_bytes(int64_t dim) {
    return Workspace::size_of<Element>(kMostPassRows * dim) +
           Workspace::size_of<float>(kMostRows * kChunk) +
           Workspace::size_of<Element>(kMostRows * kChunk) +
           Workspace::size_of<float>(kMostPassRows * dim);
  }

  int64_t dim() const { return cache_.head_dim; }
  float gate(int64_t g) const { return gate_of(queries_, g); }
  Element* out(int64_t token, int64_t g) const {
    return queries_.out + token * queries_.out_stride + g * dim();
  }
  // Rows are ordered by token, then by head.
  int64_t token_of(int64_t row) const { return row / static_cast<int64_t>(heads_.size()); }
  int64_t head_of(int64_t row) const { return heads_[static_cast<size_t>(row) % heads_.size()]; }

  void clear_heads_that_are_off() {
    for (int64_t g = 0; g < queries_.group; ++g) {
      if (gate(g) != 0) continue;
      for (int64_t t = 0; t < queries_.tokens; ++t) std::fill_n(out(t, g), dim(), Element{});
    }
  }

  void attend_rows(int64_t first_row, int64_t count) {
    start_rows(first_row, count);
    RowTile tiles[kMostTiles];
    int64_t num_tiles = 0;
    for (int64_t begin = 0; begin < count; begin += kMostRows) {
      const int64_t rows = std::min(kMostRows, count - begin);
      tiles[num_tiles++] = {.begin = begin,
                            .count = rows,
                            .first = states_[begin].first,
                            .end = states_[begin + rows - 1].end};
    }
    const RowTile& last = tiles[num_tiles - 1];
    int64_t block = tiles[0].first / kBlockTokens;
    Chunk chunk = chunk_at(block, last.end);
    while (chunk.num_blocks > 0) {
      const int64_t next_block = block + chunk.num_blocks;
      const Chunk next = chunk_at(next_block, last.end);
      bool is_first = true;  // it prefetches the values
      for (int64_t t = 0; t < num_tiles; ++t) {
        const RowTile& tile = tiles[t];
        if (tile.end <= block * kBlockTokens || tile.first >= next_block * kBlockTokens) continue;
        attend_chunk(tile,
                     chunk,
                     block,
                     std::exchange(is_first, false),
                     t == num_tiles - 1 ? &next : nullptr);
      }
      block = next_block;
      chunk = next;
    }
    for (int64_t r = 0; r < count; ++r) finish(first_row + r, states_[r], sums_ + r * dim());
  }

  // Copies the queries and resets states and sums.
  void start_rows(int64_t first_row, int64_t count) {
    for (int64_t r = 0; r < count; ++r) {
      const int64_t token = token_of(first_row + r);
      const int64_t end = queries_.position + token + 1;
      states_[r] = {.largest = kNoScore,
                    .total = 0,
                    .first = std::max<int64_t>(0, end - queries_.window),
                    .end = end,
                    .largest_key = 0};
      std::copy_n(queries_.q + token * queries_.q_stride + head_of(first_row + r) * dim(),
                  dim(),
                  rows_ + r * dim());
    }
    std::fill_n(sums_, count * dim(), 0.0F);
  }

  const Element* block(const Element* base, int64_t index) const {
    const int64_t place =
        cache_.blocks[index] * cache_.num_key_value_heads + queries_.key_value_head;
    return base + place * kBlockTokens * dim();
  }
  // Blocks of the chunk from `first`, a block index, that begin before `end`, a position.
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

  // `chunk` begins at block `block`. `next`: the chunk whose keys to prefetch, or null.
  void attend_chunk(const RowTile& tile,
                    const Chunk& chunk,
                    int64_t block,
                    bool prefetch_values,
                    const Chunk* next) {
    const int64_t start = block * kBlockTokens;
    const int64_t num_tokens = std::min(chunk.num_blocks * kBlockTokens, tile.end - start);
    const int64_t num_blocks = (num_tokens + kBlockTokens - 1) / kBlockTokens;
    score_blocks(BlockScores<Element>{.rows = rows_ + tile.begin * dim(),
                                      .num_rows = tile.count,
                                      .head_dim = dim(),
                                      .blocks = chunk.keys,
                                      .num_blocks = num_blocks,
                                      .scores = scores_,
                                      .stride = kChunk,
                                      .next = prefetch_values ? chunk.values : nullptr});
    update(tile, start, num_blocks * kBlockTokens);
    add_weighted_blocks(BlockSums<Element>{.weights = weights_,
                                           .stride = kChunk,
                                           .num_rows = tile.count,
                                           .head_dim = dim(),
                                           .blocks = chunk.values,
                                           .num_tokens = num_tokens,
                                           .sums = sums_ + tile.begin * dim(),
                                           .next = next != nullptr ? next->keys : nullptr,
                                           .num_next = next != nullptr ? next->num_blocks : 0});
  }

  float scale() const { return 1.0F / std::sqrt(static_cast<float>(dim())); }

  // Turns the scores of `width` keys from position `start` on into weights, and rescales the sums.
  void update(const RowTile& tile, int64_t start, int64_t width) {
    for (int64_t r = 0; r < tile.count; ++r) {
      RowState& of_row = states_[tile.begin + r];
      const int64_t begin = std::clamp<int64_t>(of_row.first - start, 0, width);
      const ScoreRow row{.scores = scores_ + r * kChunk,
                         .begin = begin,
                         .end = std::clamp<int64_t>(of_row.end - start, begin, width),
                         .width = width};
      const float largest = largest_score(row);
      if (largest > of_row.largest) {
        if (queries_.largest_key != nullptr) {
          const float* end = row.scores + row.end;
          of_row.largest_key = start + (std::find(row.scores + begin, end, largest) - row.scores);
        }
        const float factor = fast_exp((of_row.largest - largest) * scale());
        of_row.largest = largest;
        of_row.total *= factor;
        multiply_row(sums_ + (tile.begin + r) * dim(), dim(), factor);
      }
      of_row.total += exp_weights(row, scale(), of_row.largest, weights_ + r * kChunk);
    }
  }

  void finish(int64_t row, const RowState& of_row, const float* sums) const {
    const int64_t token = token_of(row);
    const int64_t g = head_of(row);
    if (gate(g) != 0) store_row(sums, dim(), gate(g) / of_row.total, out(token, g));
    if (queries_.largest_key != nullptr && token == queries_.tokens - 1)
      queries_.largest_key[g] = of_row.largest_key;
    if (queries_.log_sums != nullptr)
      queries_.log_sums[token * queries_.log_sums_stride + g] =
          of_row.largest * scale() + std::log(of_row.total);
  }

  const PagedKeyValues<Element>& cache_;
  const GroupQueries<Element>& queries_;
  const std::vector<int64_t> heads_;
  Workspace workspace_;
  Element* rows_;     // [kMostPassRows, D]
  float* scores_;     // [kMostRows, kChunk]
  Element* weights_;  // [kMostRows, kChunk]
  float* sums_;       // [kMostPassRows, D]
  RowState states_[kMostPassRows];
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
