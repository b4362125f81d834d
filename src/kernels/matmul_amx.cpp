#include "matmul_amx.h"

#include "amx.h"
#include "avx512.h"
#include "avx512_steps.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace retmask::kernels::amx {
namespace {

constexpr int64_t kColumnTiles = kPanelWidth / kTileRows;
static_assert(kColumnTiles == 3 && kPanelWidth == kColumnTiles * avx512::kLanes);
// Distance between pairs of inputs in a panel.
constexpr int64_t kPairStride = kPanelWidth * 2 * static_cast<int64_t>(sizeof(BFloat16));
constexpr int64_t kCacheLine = 64;

// Eight tiles: six for sums (two row tiles by three column tiles), one for inputs and one for
// weights. Macros, because the intrinsics paste their arguments into assembler text.
#define RETMASK_SUMS_0_0 0
#define RETMASK_SUMS_0_1 1
#define RETMASK_SUMS_0_2 2
#define RETMASK_SUMS_1_0 3
#define RETMASK_SUMS_1_1 4
#define RETMASK_SUMS_1_2 5
#define RETMASK_X 6
#define RETMASK_WEIGHTS 7

// Configures the tiles for `rows` rows of inputs.
RETMASK_AMX void configure(int64_t rows) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = kTileBytes;
    config.rows[tile] = static_cast<uint8_t>(tile == RETMASK_WEIGHTS ? kTileRows : rows);
  }
  load_tile_config(config);
}

// Without tiles the OS saves less state of the thread.
RETMASK_AMX void release() { _tile_release(); }

// Part of the next panel that a block of rows prefetches while it computes, so that reading and
// multiplying weights overlap.
struct Ahead {
  const char* next = nullptr;
  int64_t lines_per_step = 0;
};

// Computes `RowTiles` row tiles of one panel. The order of the products reuses an input tile twice
// in a row if possible.
template <int64_t RowTiles, typename Out>
RETMASK_AMX void multiply_panel(
    const Matmul<BFloat16, Out>& m, int64_t row, int64_t rows, int64_t panel, Ahead ahead) {
  const BFloat16* x = m.x + row * m.x_stride;
  const BFloat16* lower_x = x + (RowTiles - 1) * kTileRows * m.x_stride;
  const int64_t x_bytes = m.x_stride * static_cast<int64_t>(sizeof(BFloat16));
  const char* weights = reinterpret_cast<const char*>(m.packed + panel * kPanelWidth * m.k);

  _tile_zero(RETMASK_SUMS_0_0);
  _tile_zero(RETMASK_SUMS_0_1);
  _tile_zero(RETMASK_SUMS_0_2);
  if constexpr (RowTiles == 2) {
    _tile_zero(RETMASK_SUMS_1_0);
    _tile_zero(RETMASK_SUMS_1_1);
    _tile_zero(RETMASK_SUMS_1_2);
  }
  for (int64_t i = 0; i < m.k; i += kInputs, weights += kInputs / 2 * kPairStride) {
    for (int64_t line = 0; line < ahead.lines_per_step; ++line, ahead.next += kCacheLine)
      _mm_prefetch(ahead.next, _MM_HINT_T1);
    _tile_loadd(RETMASK_WEIGHTS, weights, kPairStride);
    _tile_loadd(RETMASK_X, x + i, x_bytes);
    _tile_dpbf16ps(RETMASK_SUMS_0_0, RETMASK_X, RETMASK_WEIGHTS);
    if constexpr (RowTiles == 2) {
      _tile_loadd(RETMASK_X, lower_x + i, x_bytes);
      _tile_dpbf16ps(RETMASK_SUMS_1_0, RETMASK_X, RETMASK_WEIGHTS);
    }
    _tile_loadd(RETMASK_WEIGHTS, weights + kTileBytes, kPairStride);
    if constexpr (RowTiles == 2) {
      _tile_dpbf16ps(RETMASK_SUMS_1_1, RETMASK_X, RETMASK_WEIGHTS);
      _tile_loadd(RETMASK_X, x + i, x_bytes);
    }
    _tile_dpbf16ps(RETMASK_SUMS_0_1, RETMASK_X, RETMASK_WEIGHTS);
    _tile_loadd(RETMASK_WEIGHTS, weights + 2 * kTileBytes, kPairStride);
    _tile_dpbf16ps(RETMASK_SUMS_0_2, RETMASK_X, RETMASK_WEIGHTS);
    if constexpr (RowTiles == 2) {
      _tile_loadd(RETMASK_X, lower_x + i, x_bytes);
      _tile_dpbf16ps(RETMASK_SUMS_1_2, RETMASK_X, RETMASK_WEIGHTS);
    }
  }

  alignas(64) float sums[RowTiles * kTileRows][kPanelWidth];
  constexpr int64_t kSumsBytes = kPanelWidth * sizeof(float);
  _tile_stored(RETMASK_SUMS_0_0, sums[0], kSumsBytes);
  _tile_stored(RETMASK_SUMS_0_1, sums[0] + kTileRows, kSumsBytes);
  _tile_stored(RETMASK_SUMS_0_2, sums[0] + 2 * kTileRows, kSumsBytes);
  if constexpr (RowTiles == 2) {
    _tile_stored(RETMASK_SUMS_1_0, sums[kTileRows], kSumsBytes);
    _tile_stored(RETMASK_SUMS_1_1, sums[kTileRows] + kTileRows, kSumsBytes);
    _tile_stored(RETMASK_SUMS_1_2, sums[kTileRows] + 2 * kTileRows, kSumsBytes);
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t column = 0; column < kPanelWidth; column += avx512::kLanes)
      avx512::finish(m, row + r, panel * kPanelWidth + column, _mm512_load_ps(sums[r] + column));
  }
}

// arch_prctl: a process must request permission to use tile state.
bool ask_for_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool processor_has_amx() {
  constexpr unsigned kBFloat16 = 1U << 22;
  constexpr unsigned kTile = 1U << 24;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  return (d & kBFloat16) != 0 && (d & kTile) != 0;
}

}  // namespace

bool is_available() {
  static const bool available = has_avx512<BFloat16>() && processor_has_amx() && ask_for_tiles();
  return available;
}

template <typename Out>
void run(const Matmul<BFloat16, Out>& matmul,
         int64_t row_begin,
         int64_t row_end,
         int64_t panel_begin,
         int64_t panel_end) {
  // Blocks of two row tiles, of one, and of the remaining rows.
  const int64_t rows = row_end - row_begin;
  const int64_t num_blocks = rows / (2 * kTileRows) + rows / kTileRows % 2 + (rows % kTileRows > 0);
  const int64_t steps = matmul.k / kInputs;
  const int64_t lines = kInputs / 2 * kPairStride / kCacheLine;  // per step
  const int64_t lines_per_step = (lines + num_blocks - 1) / num_blocks;
  const int64_t panel_bytes = kPairStride * (matmul.k / 2);
  const char* weights = reinterpret_cast<const char*>(matmul.packed);
  int64_t configured = 0;
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    Ahead ahead;
    if (panel + 1 < panel_end)
      ahead = {.next = weights + (panel + 1) * panel_bytes, .lines_per_step = lines_per_step};
    for (int64_t row = row_begin; row < row_end;) {
      const int64_t left = row_end - row;
      const int64_t block = left >= 2 * kTileRows ? 2 * kTileRows : std::min(left, kTileRows);
      const int64_t tile_rows = std::min(block, kTileRows);
      if (tile_rows != configured) configure(tile_rows);
      configured = tile_rows;
      if (block > kTileRows)
        multiply_panel<2>(matmul, row, block, panel, ahead);
      else
        multiply_panel<1>(matmul, row, block, panel, ahead);
      ahead.next += steps * ahead.lines_per_step * kCacheLine;
      row += block;
    }
  }
  release();
}

}  // namespace retmask::kernels::amx

#else

namespace retmask::kernels::amx {

bool is_available() { return false; }

template <typename Out>
void run(const Matmul<BFloat16, Out>&, int64_t, int64_t, int64_t, int64_t) {}

}  // namespace retmask::kernels::amx

#endif

namespace retmask::kernels::amx {

template void run(const Matmul<BFloat16, BFloat16>&, int64_t, int64_t, int64_t, int64_t);
template void run(const Matmul<BFloat16, float>&, int64_t, int64_t, int64_t, int64_t);

}  // namespace retmask::kernels::amx
