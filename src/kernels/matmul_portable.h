#pragma once
// The product for any processor; also the reference for the fast versions.

#include "retmask/kernels/matmul.h"

namespace retmask::kernels {

// Elements along k that are contiguous for one output.
template <typename Element>
constexpr int64_t kPair = sizeof(Element) == 2 ? 2 : 1;

void run_portable(const Matmul<float, float>& matmul,
                  int64_t row_begin,
                  int64_t row_end,
                  int64_t panel_begin,
                  int64_t panel_end);
void run_portable(const Matmul<BFloat16, BFloat16>& matmul,
                  int64_t row_begin,
                  int64_t row_end,
                  int64_t panel_begin,
                  int64_t panel_end);
void run_portable(const Matmul<BFloat16, float>& matmul,
                  int64_t row_begin,
                  int64_t row_end,
                  int64_t panel_begin,
                  int64_t panel_end);

}  // namespace retmask::kernels
