#pragma once
// The instructions of AMX that the kernels use, as plain loops, so that their tile arithmetic is
// tested on any processor: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2,
// TILELOADD, TILESTORED, TDPBF16PS. Included by src/kernels/amx.h if RETMASK_EMULATED_AMX is
// defined. Tiles that are used without a configuration, or beyond it, abort the test.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "retmask/kernels/bfloat16.h"

#define RETMASK_AMX

namespace retmask::kernels::emulated_amx {

struct Tile {
  uint8_t bytes[16][64];
};
inline thread_local Tile tiles[8];
inline thread_local int rows[8];
inline thread_local int row_bytes[8];

inline void check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "emulated AMX: %s\n", what);
  std::abort();
}

inline void load_config(const void* config) {
  uint8_t bytes[64];
  std::memcpy(bytes, config, sizeof bytes);
  check(bytes[0] == 1, "palette is not 1");
  for (int tile = 0; tile < 8; ++tile) {
    uint16_t width = 0;
    std::memcpy(&width, bytes + 16 + 2 * tile, sizeof width);
    row_bytes[tile] = width;
    rows[tile] = bytes[48 + tile];
    check(width <= 64 && width % 4 == 0 && rows[tile] <= 16, "tile too large");
    std::memset(&tiles[tile], 0, sizeof(Tile));
  }
}

inline void release() {
  for (int tile = 0; tile < 8; ++tile) rows[tile] = row_bytes[tile] = 0;
}

inline void zero(int tile) {
  check(rows[tile] > 0, "zeroed tile is not configured");
  std::memset(&tiles[tile], 0, sizeof(Tile));
}

inline void load(int tile, const void* from, int64_t stride) {
  check(rows[tile] > 0, "loaded tile is not configured");
  std::memset(&tiles[tile], 0, sizeof(Tile));
  for (int row = 0; row < rows[tile]; ++row)
    std::memcpy(tiles[tile].bytes[row],
                static_cast<const char*>(from) + row * stride,
                static_cast<size_t>(row_bytes[tile]));
}

inline void store(int tile, void* to, int64_t stride) {
  check(rows[tile] > 0, "stored tile is not configured");
  for (int row = 0; row < rows[tile]; ++row)
    std::memcpy(static_cast<char*>(to) + row * stride,
                tiles[tile].bytes[row],
                static_cast<size_t>(row_bytes[tile]));
}

inline void dot_bf16(int sums, int a, int b) {
  check(rows[sums] == rows[a] && row_bytes[sums] == row_bytes[b] && row_bytes[a] == 4 * rows[b],
        "shapes of a product do not match");
  for (int m = 0; m < rows[sums]; ++m) {
    auto* out = reinterpret_cast<float*>(tiles[sums].bytes[m]);
    for (int k = 0; k < rows[b]; ++k) {
      for (int n = 0; n < row_bytes[sums] / 4; ++n) {
        for (int i = 0; i < 2; ++i) {
          const auto* x = reinterpret_cast<const BFloat16*>(tiles[a].bytes[m]) + 2 * k + i;
          const auto* y = reinterpret_cast<const BFloat16*>(tiles[b].bytes[k]) + 2 * n + i;
          out[n] += widen(*x) * widen(*y);
        }
      }
    }
  }
}

}  // namespace retmask::kernels::emulated_amx

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(config) ::retmask::kernels::emulated_amx::load_config(config)
#define _tile_release() ::retmask::kernels::emulated_amx::release()
#define _tile_zero(tile) ::retmask::kernels::emulated_amx::zero(tile)
#define _tile_loadd(tile, from, stride) ::retmask::kernels::emulated_amx::load(tile, from, stride)
#define _tile_stored(tile, to, stride) ::retmask::kernels::emulated_amx::store(tile, to, stride)
#define _tile_dpbf16ps(sums, a, b) ::retmask::kernels::emulated_amx::dot_bf16(sums, a, b)
