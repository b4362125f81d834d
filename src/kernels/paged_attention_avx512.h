#pragma once
// Inner attention loops for has_avx512<Element>() and head_dim a multiple of 64.

#include "attention_work.h"
#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels::avx512 {

inline constexpr int64_t kHeadDimMultiple = 64;

// Scores of `rows` keys (at most 16); the first is visible token `position`.
template <typename Element>
void score_rows(const Element* keys,
                int64_t rows,
                const AttentionWork<Element>& work,
                int64_t position);

// sums += weight * value, for the same rows.
template <typename Element>
void add_rows(const Element* values,
              int64_t rows,
              const AttentionWork<Element>& work,
              int64_t position);

}  // namespace retmask::kernels::avx512
