#include "float32_halves.h"

namespace retmask::train {

// bits of the float32 = upper * 2^16 + lower, all signed: a lower half of 2^15 or more counts as
// negative and the upper half is one larger, which rounds it to nearest.
void split_float32(const torch::Tensor& values,
                   const torch::Tensor& upper,
                   const torch::Tensor& lower) {
  const torch::Tensor bits = values.view(torch::kInt32);
  const torch::Tensor low = bits.to(torch::kInt16);  // the low 16 bits
  upper.view(torch::kInt16).copy_((bits - low).bitwise_right_shift_(16));
  if (lower.defined()) lower.copy_(low);
}

torch::Tensor join_float32(const torch::Tensor& upper, const torch::Tensor& lower) {
  torch::Tensor bits = upper.view(torch::kInt16).to(torch::kInt32);
  return bits.bitwise_left_shift_(16).add_(lower).view(torch::kFloat32);
}

}  // namespace retmask::train
