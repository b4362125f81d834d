#pragma once
// Tiles of AMX: their configuration, and the attribute of functions that use them. These functions
// run only if amx::is_available (matmul_amx.h).

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>

#include <cstdint>

// A test replaces the instructions by plain loops that run anywhere.
#ifdef RETMASK_EMULATED_AMX
#include "unit/kernels/emulated_amx.h"
#else
#define RETMASK_AMX __attribute__((target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16")))
#endif

namespace retmask::kernels::amx {

inline constexpr int64_t kTileRows = 16;
inline constexpr int64_t kTileBytes = 64;  // per row

// The argument of LDTILECFG: Intel 64 and IA-32 Architectures Software Developer's Manual, volume
// 1, 18.5.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

inline RETMASK_AMX void load_tile_config(const TileConfig& config) {
  // GCC's intrinsic declares only eight bytes of its argument as read.
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

}  // namespace retmask::kernels::amx

#endif
