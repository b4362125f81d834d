#pragma once
// Mean attention outputs of the heads, for masks of mode mean.

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace retmask {

// Sums the attention output of all heads over the tokens of the forward calls that it is passed to.
class HeadOutputSums {
 public:
  // Called by the layers. `attended` [T, H * D]: the input of W_o.
  void add(int64_t layer, const torch::Tensor& attended);
  // [L, H * D] float32 on the CPU: the sums of float64 over the number of tokens.
  torch::Tensor means() const;

 private:
  std::vector<torch::Tensor> sums_;  // L of [H * D] float64
  int64_t tokens_ = 0;
};

}  // namespace retmask
