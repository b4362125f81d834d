#include "amx.h"
#include "attention_tiles.h"

#if defined(__x86_64__) && defined(__linux__)
#include <algorithm>
#include <cstring>

namespace retmask::kernels::amx {
namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kInputsPerTile = 32;  // elements along the summed dimension, for scores
static_assert(kBlockTokens == kTileRows);

// Two row tiles by two column tiles of sums. Macros, because the intrinsics paste their arguments
// into assembler text.
#define RETMASK_TILE_SUMS_0_0 0
#define RETMASK_TILE_SUMS_0_1 1
#define RETMASK_TILE_SUMS_1_0 2
#define RETMASK_TILE_SUMS_1_1 3
#define RETMASK_TILE_ROWS_0 4
#define RETMASK_TILE_ROWS_1 5
#define RETMASK_TILE_COLUMNS_0 6
#define RETMASK_TILE_COLUMNS_1 7

// `inputs` elements along the summed dimension: half as many pairs.
RETMASK_AMX void configure_tiles(int64_t rows, int64_t inputs) {
  TileConfig config;
  const auto first = static_cast<uint8_t>(std::min(rows, kTileRows));
  const auto second = static_cast<uint8_t>(std::clamp<int64_t>(rows - kTileRows, 1, kTileRows));
  const auto input_bytes = static_cast<uint16_t>(inputs * sizeof(BFloat16));
  for (int tile = 0; tile < 8; ++tile) config.row_bytes[tile] = kTileBytes;
  config.row_bytes[RETMASK_TILE_ROWS_0] = config.row_bytes[RETMASK_TILE_ROWS_1] = input_bytes;
  for (const int tile : {RETMASK_TILE_SUMS_0_0, RETMASK_TILE_SUMS_0_1, RETMASK_TILE_ROWS_0})
    config.rows[tile] = first;
  for (const int tile : {RETMASK_TILE_SUMS_1_0, RETMASK_TILE_SUMS_1_1, RETMASK_TILE_ROWS_1})
    config.rows[tile] = second;
  for (const int tile : {RETMASK_TILE_COLUMNS_0, RETMASK_TILE_COLUMNS_1})
    config.rows[tile] = static_cast<uint8_t>(inputs / 2);
  load_tile_config(config);
}

// One step along the summed dimension. Strides in bytes.
template <int64_t RowTiles>
RETMASK_AMX void multiply_tiles(const BFloat16* rows,
                                int64_t row_stride,
                                const BFloat16* columns_0,
                                const BFloat16* columns_1,
                                int64_t column_stride) {
  _tile_loadd(RETMASK_TILE_ROWS_0, rows, row_stride);
  _tile_loadd(RETMASK_TILE_COLUMNS_0, columns_0, column_stride);
  _tile_dpbf16ps(RETMASK_TILE_SUMS_0_0, RETMASK_TILE_ROWS_0, RETMASK_TILE_COLUMNS_0);
  _tile_loadd(RETMASK_TILE_COLUMNS_1, columns_1, column_stride);
  _tile_dpbf16ps(RETMASK_TILE_SUMS_0_1, RETMASK_TILE_ROWS_0, RETMASK_TILE_COLUMNS_1);
  if constexpr (RowTiles == 2) {
    _tile_loadd(RETMASK_TILE_ROWS_1,
                reinterpret_cast<const char*>(rows) + kTileRows * row_stride,
                row_stride);
    _tile_dpbf16ps(RETMASK_TILE_SUMS_1_0, RETMASK_TILE_ROWS_1, RETMASK_TILE_COLUMNS_0);
    _tile_dpbf16ps(RETMASK_TILE_SUMS_1_1, RETMASK_TILE_ROWS_1, RETMASK_TILE_COLUMNS_1);
  }
}

void prefetch_block(const BFloat16* block, int64_t head_dim) {
  const auto* bytes = reinterpret_cast<const char*>(block);
  const int64_t size = kBlockTokens * head_dim * static_cast<int64_t>(sizeof(BFloat16));
  for (int64_t i = 0; i < size; i += kCacheLine) _mm_prefetch(bytes + i, _MM_HINT_T0);
}

template <int64_t RowTiles>
RETMASK_AMX void score_row_tiles(const BlockScores<BFloat16>& work, int64_t row) {
  const BFloat16* rows = work.rows + row * work.head_dim;
  const int64_t row_stride = work.head_dim * static_cast<int64_t>(sizeof(BFloat16));
  const int64_t score_stride = work.stride * static_cast<int64_t>(sizeof(float));
  for (int64_t block = 0; block < work.num_blocks; block += 2) {
    // Without a second block the first is multiplied twice, and the result dropped.
    const bool has_second = block + 1 < work.num_blocks;
    if (row == 0 && work.next != nullptr) {
      prefetch_block(work.next[block], work.head_dim);
      if (has_second) prefetch_block(work.next[block + 1], work.head_dim);
    }
    const BFloat16* first = work.blocks[block];
    const BFloat16* second = has_second ? work.blocks[block + 1] : first;
    _tile_zero(RETMASK_TILE_SUMS_0_0);
    _tile_zero(RETMASK_TILE_SUMS_0_1);
    if constexpr (RowTiles == 2) {
      _tile_zero(RETMASK_TILE_SUMS_1_0);
      _tile_zero(RETMASK_TILE_SUMS_1_1);
    }
    for (int64_t d = 0; d < work.head_dim; d += kInputsPerTile) {
      const int64_t at = d * kBlockTokens;
      multiply_tiles<RowTiles>(rows + d, row_stride, first + at, second + at, kTileBytes);
    }
    float* scores = work.scores + row * work.stride + block * kBlockTokens;
    float* lower = scores + kTileRows * work.stride;
    _tile_stored(RETMASK_TILE_SUMS_0_0, scores, score_stride);
    if constexpr (RowTiles == 2) _tile_stored(RETMASK_TILE_SUMS_1_0, lower, score_stride);
    if (!has_second) continue;
    _tile_stored(RETMASK_TILE_SUMS_0_1, scores + kBlockTokens, score_stride);
    if constexpr (RowTiles == 2)
      _tile_stored(RETMASK_TILE_SUMS_1_1, lower + kBlockTokens, score_stride);
  }
}

template <int64_t RowTiles>
RETMASK_AMX void add_row_tiles(const BlockSums<BFloat16>& work,
                               int64_t row,
                               const BFloat16* const* blocks) {
  const int64_t sums_stride = work.head_dim * static_cast<int64_t>(sizeof(float));
  const int64_t weight_stride = work.stride * static_cast<int64_t>(sizeof(BFloat16));
  const int64_t value_stride = 2 * work.head_dim * static_cast<int64_t>(sizeof(BFloat16));
  const int64_t num_blocks = (work.num_tokens + kBlockTokens - 1) / kBlockTokens;
  for (int64_t d = 0; d < work.head_dim; d += 2 * kTileRows) {
    float* sums = work.sums + row * work.head_dim + d;
    float* lower = sums + kTileRows * work.head_dim;
    _tile_loadd(RETMASK_TILE_SUMS_0_0, sums, sums_stride);
    _tile_loadd(RETMASK_TILE_SUMS_0_1, sums + kTileRows, sums_stride);
    if constexpr (RowTiles == 2) {
      _tile_loadd(RETMASK_TILE_SUMS_1_0, lower, sums_stride);
      _tile_loadd(RETMASK_TILE_SUMS_1_1, lower + kTileRows, sums_stride);
    }
    for (int64_t block = 0; block < num_blocks; ++block) {
      if (row == 0 && d == 0 && block < work.num_next)
        prefetch_block(work.next[block], work.head_dim);
      const BFloat16* values = blocks[block] + 2 * d;
      multiply_tiles<RowTiles>(work.weights + row * work.stride + block * kBlockTokens,
                               weight_stride,
                               values,
                               values + 2 * kTileRows,
                               value_stride);
    }
    _tile_stored(RETMASK_TILE_SUMS_0_0, sums, sums_stride);
    _tile_stored(RETMASK_TILE_SUMS_0_1, sums + kTileRows, sums_stride);
    if constexpr (RowTiles == 2) {
      _tile_stored(RETMASK_TILE_SUMS_1_0, lower, sums_stride);
      _tile_stored(RETMASK_TILE_SUMS_1_1, lower + kTileRows, sums_stride);
    }
  }
}

// Calls one(row) for one row tile or two(row) for two, with the tiles configured for the rows.
template <typename One, typename Two>
RETMASK_AMX void for_row_tiles(int64_t num_rows, int64_t inputs, const One& one, const Two& two) {
  int64_t configured = 0;
  for (int64_t row = 0; row < num_rows; row += 2 * kTileRows) {
    const int64_t rows = std::min(2 * kTileRows, num_rows - row);
    if (rows != configured) configure_tiles(rows, inputs);
    configured = rows;
    if (rows > kTileRows)
      two(row);
    else
      one(row);
  }
  // Without tiles the OS saves less state of the thread.
  _tile_release();
}

}  // namespace

void score_blocks(const BlockScores<BFloat16>& work) {
  for_row_tiles(
      work.num_rows,
      kInputsPerTile,
      [&](int64_t row) { score_row_tiles<1>(work, row); },
      [&](int64_t row) { score_row_tiles<2>(work, row); });
}

void add_weighted_blocks(const BlockSums<BFloat16>& work) {
  // Tiles read whole blocks, so a block filled in part is completed by zeros.
  const int64_t num_blocks = (work.num_tokens + kBlockTokens - 1) / kBlockTokens;
  const BFloat16* blocks[kMostBlocks];
  alignas(kCacheLine) BFloat16 last[kBlockTokens * kMostHeadDim];
  std::copy_n(work.blocks, num_blocks, blocks);
  const int64_t tokens = work.num_tokens - (num_blocks - 1) * kBlockTokens;
  if (tokens < kBlockTokens) {
    const int64_t filled = (tokens + 1) / 2 * 2 * work.head_dim;
    std::copy_n(blocks[num_blocks - 1], filled, last);
    std::fill(last + filled, last + kBlockTokens * work.head_dim, BFloat16{});
    blocks[num_blocks - 1] = last;
  }
  for_row_tiles(
      work.num_rows,
      kBlockTokens,
      [&](int64_t row) { add_row_tiles<1>(work, row, blocks); },
      [&](int64_t row) { add_row_tiles<2>(work, row, blocks); });
}

}  // namespace retmask::kernels::amx

#else

namespace retmask::kernels::amx {

void score_blocks(const BlockScores<BFloat16>&) {}
void add_weighted_blocks(const BlockSums<BFloat16>&) {}

}  // namespace retmask::kernels::amx

#endif
