#pragma once
// Matrices prepared for inference: packed into panels for the CPU kernels (kernels/matmul.h), or on
// a GPU stacked into one matrix for one cuBLAS product.

#include <torch/types.h>

#include <vector>

#include "parameters.h"

namespace retmask {

// Linears that are multiplied with the same input.
using LinearStack = std::vector<Linear>;

class PreparedMatrix {
 public:
  PreparedMatrix() = default;  // holds nothing
  // Stacks the linears' weights and biases along their outputs and frees the originals, so there is
  // one copy of each weight. All have the same input size, which is even on the CPU.
  explicit PreparedMatrix(const LinearStack& linears);
  // Several at once. On a CPU they share one allocation, on huge pages where the OS grants them: a
  // decoding step reads every weight, and spends a fifth of that time on misses of the TLB if pages
  // are small. The matrices of a small model alone would not fill a huge page.
  static std::vector<PreparedMatrix> prepare(const std::vector<LinearStack>& stacks);

  bool defined() const { return packed_.defined(); }

  // x [T, k] -> x W^T (+ bias) (+ residual): [T, n] in x's dtype. On a GPU the result overwrites
  // the residual, which saves a pass over memory.
  torch::Tensor multiply(const torch::Tensor& x, const torch::Tensor& residual = {}) const;
  // The same without rounding: [T, n] float32.
  torch::Tensor multiply_to_float32(const torch::Tensor& x) const;
  // Into `out`, contiguous.
  void multiply_to_float32(const torch::Tensor& x, torch::Tensor out) const;
  // u [T, n] -> u W: [T, k] float32. Unpacks the whole matrix: for rare use.
  torch::Tensor multiply_transposed(const torch::Tensor& u) const;
  // Rows of W: ids [T] int64 -> [T, k].
  torch::Tensor rows(const torch::Tensor& ids) const;

 private:
  // `memory` holds the packed matrix on a CPU.
  PreparedMatrix(const LinearStack& linears, const torch::Tensor& memory);

  torch::Tensor packed_;  // on a GPU [n, k]
  torch::Tensor bias_;    // [n] or undefined
  int64_t n_ = 0;
  int64_t k_ = 0;
};

// The matrices of a decoder layer, moved out of its parameters.
struct PreparedLayer {
  explicit PreparedLayer(const LayerParameters& parameters);
  PreparedMatrix qkv;      // q_proj, k_proj, v_proj
  PreparedMatrix output;   // o_proj
  PreparedMatrix gate_up;  // gate_proj, up_proj
  PreparedMatrix down;     // down_proj
};

}  // namespace retmask
