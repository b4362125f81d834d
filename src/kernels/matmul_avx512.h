#pragma once
// The product for processors with has_avx512<Element>().

#include "retmask/kernels/matmul.h"

namespace retmask::kernels::avx512 {

template <typename Element, typename Out>
void run(const Matmul<Element, Out>& matmul,
         int64_t row_begin,
         int64_t row_end,
         int64_t panel_begin,
         int64_t panel_end);

}  // namespace retmask::kernels::avx512
