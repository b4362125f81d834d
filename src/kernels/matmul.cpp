#include "retmask/kernels/matmul.h"

#include <type_traits>

#include "avx512.h"
#include "matmul_amx.h"
#include "matmul_avx512.h"
#include "matmul_portable.h"

namespace retmask::kernels {
namespace {

// Offset of element (row, k) in a packed matrix.
template <int64_t Pair>
constexpr int64_t packed_index(int64_t row, int64_t i, int64_t k) {
  const int64_t padded_k = (k + 1) / 2 * 2;
  return row / kPanelWidth * kPanelWidth * padded_k + i / Pair * kPanelWidth * Pair +
         row % kPanelWidth * Pair + i % Pair;
}

template <typename Element>
void pack(const Element* w, int64_t row_begin, int64_t rows, int64_t k, Element* packed) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < k; ++i)
      packed[packed_index<kPair<Element>>(row_begin + row, i, k)] = w[row * k + i];
  }
}

template <typename Element>
void unpack(const Element* packed, int64_t row, int64_t k, Element* out) {
  for (int64_t i = 0; i < k; ++i) out[i] = packed[packed_index<kPair<Element>>(row, i, k)];
}

// Chosen by processor and k only, not by the number of rows: the implementations sum in different
// orders.
template <typename Element, typename Out>
void run(const Matmul<Element, Out>& matmul,
         int64_t row_begin,
         int64_t row_end,
         int64_t panel_begin,
         int64_t panel_end) {
  if constexpr (std::is_same_v<Element, BFloat16>) {
    if (matmul.k % amx::kInputs == 0 && amx::is_available()) {
      amx::run(matmul, row_begin, row_end, panel_begin, panel_end);
      return;
    }
  }
  if (has_avx512<Element>())
    avx512::run(matmul, row_begin, row_end, panel_begin, panel_end);
  else
    run_portable(matmul, row_begin, row_end, panel_begin, panel_end);
}

}  // namespace

bool multiplies_bfloat16() {
  return amx::is_available() || (has_avx512<BFloat16>() && !prefers_float32());
}

void pack_rows(const float* w, int64_t row_begin, int64_t rows, int64_t k, float* packed) {
  pack(w, row_begin, rows, k, packed);
}
void pack_rows(const BFloat16* w, int64_t row_begin, int64_t rows, int64_t k, BFloat16* packed) {
  pack(w, row_begin, rows, k, packed);
}

void unpack_row(const float* packed, int64_t row, int64_t k, float* out) {
  unpack(packed, row, k, out);
}
void unpack_row(const BFloat16* packed, int64_t row, int64_t k, BFloat16* out) {
  unpack(packed, row, k, out);
}

void run_matmul(const Matmul<float, float>& matmul,
                int64_t row_begin,
                int64_t row_end,
                int64_t panel_begin,
                int64_t panel_end) {
  run(matmul, row_begin, row_end, panel_begin, panel_end);
}
void run_matmul(const Matmul<BFloat16, BFloat16>& matmul,
                int64_t row_begin,
                int64_t row_end,
                int64_t panel_begin,
                int64_t panel_end) {
  run(matmul, row_begin, row_end, panel_begin, panel_end);
}
void run_matmul(const Matmul<BFloat16, float>& matmul,
                int64_t row_begin,
                int64_t row_end,
                int64_t panel_begin,
                int64_t panel_end) {
  run(matmul, row_begin, row_end, panel_begin, panel_end);
}

}  // namespace retmask::kernels
