#pragma once
// What sampling needs of a row of logits, without sorting it. On the calling thread.

#include <cstdint>
#include <vector>

namespace retmask::kernels {

// Neighbouring elements that share one partial sum.
inline constexpr int64_t kSumWidth = 256;

// The index of the largest element, the first of equals. size >= 1.
int64_t arg_max(const float* values, int64_t size);

// Sums of exp((values[i] - largest) * scale) over each kSumWidth elements, into `sums` (resized).
// Returns their sum. `largest` is the largest value, or more.
double exp_sums(
    const float* values, int64_t size, float largest, float scale, std::vector<float>& sums);

// exp((value - largest) * scale) exactly as exp_sums counted it.
float exp_weight(float value, float largest, float scale);

}  // namespace retmask::kernels
