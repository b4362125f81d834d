#pragma once
// Matrix products of a warp on tensor cores.

#include <cstdint>

namespace retmask::kernels::cuda {

// d += a b: d [16, 8] in float32, a [16, 16] and b [16, 8] in bfloat16 (PTX: mma.m16n8k16). With
// r = lane / 4 and c = lane % 4, and elements in pairs, the earlier in the lower half of a word:
//
//   a[0]: row r, columns 2c and 2c + 1;  a[1]: row r + 8;  a[2], a[3]: the same, columns + 8
//   b[0]: rows 2c and 2c + 1, column r;  b[1]: rows + 8
//   d[0], d[1]: row r, columns 2c and 2c + 1;  d[2], d[3]: row r + 8
inline __device__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef __CUDACC__
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  cuda_emulation::mma(d, a, b);
#endif
}

}  // namespace retmask::kernels::cuda
