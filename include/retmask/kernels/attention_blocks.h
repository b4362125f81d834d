#pragma once
// Blocks of keys and values as the CPU's attention kernels read them.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// Tokens per block.
inline constexpr int64_t kBlockTokens = 16;

// Stores x [D] as row `token` of a block of keys, [D / pair][kBlockTokens][pair].
template <typename Element>
inline void store_key(const Element* x, int64_t token, int64_t head_dim, Element* block) {
  constexpr int64_t pair = kPair<Element>;
  for (int64_t d = 0; d < head_dim; d += pair) {
    for (int64_t i = 0; i < pair; ++i) block[d * kBlockTokens + token * pair + i] = x[d + i];
  }
}

// Stores x [D] as row `token` of a block of values, [kBlockTokens / pair][D][pair].
template <typename Element>
inline void store_value(const Element* x, int64_t token, int64_t head_dim, Element* block) {
  constexpr int64_t pair = kPair<Element>;
  Element* row = block + token / pair * head_dim * pair + token % pair;
  for (int64_t d = 0; d < head_dim; ++d) row[d * pair] = x[d];
}

// The kernels read whole pairs of values. Called for the last token of a sequence: clears the other
// half of its pair if that half has no token yet, since even a weight of zero needs a finite value.
template <typename Element>
inline void end_values(int64_t token, int64_t head_dim, Element* block) {
  constexpr int64_t pair = kPair<Element>;
  if (token % pair + 1 == pair) return;
  Element* row = block + token / pair * head_dim * pair + 1;
  for (int64_t d = 0; d < head_dim; ++d) row[d * pair] = Element{};
}

}  // namespace retmask::kernels
