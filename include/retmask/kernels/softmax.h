#pragma once
// Reductions over a row of logits for sampling, without sorting. On the calling thread.

#include <cstdint>
#include <vector>

namespace retmask::kernels {

// Adjacent elements per partial sum.
inline constexpr int64_t kSumWidth = 256;

// Index of the largest element, the first of equals. size >= 1.
int64_t arg_max(const float* values, int64_t size);

// Writes sums of exp((values[i] - largest) * scale) over each kSumWidth elements to `sums`
// (resized) and returns their total. `largest` must not be below the largest value.
double exp_sums(
    const float* values, int64_t size, float largest, float scale, std::vector<float>& sums);

// exp((value - largest) * scale), bit-identical to exp_sums.
float exp_weight(float value, float largest, float scale);

}  // namespace retmask::kernels
