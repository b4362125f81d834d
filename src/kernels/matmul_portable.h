#pragma once
// The product for any processor; also the reference for the fast versions.

#include "retmask/kernels/matmul.h"

namespace retmask::kernels {

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
