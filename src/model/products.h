#pragma once
// Matrix products of training. Where widens_products (language_model.h) they multiply float32
// copies of bfloat16 factors. Sums are float32 and are rounded once in either case.

#include <torch/types.h>

namespace retmask {

// `factor` as it is multiplied: a float32 copy, or itself. Undefined stays undefined.
torch::Tensor widened(const torch::Tensor& factor);

// a [m, k] times b [k, n], in the dtype of both.
torch::Tensor product(const torch::Tensor& a, const torch::Tensor& b);

// sum [m, n] += a [m, k] times b [k, n], all of one dtype.
void add_product(torch::Tensor& sum, const torch::Tensor& a, const torch::Tensor& b);

// x [T, in] times weight [out, in] transposed, plus bias [out] unless undefined. No gradients.
torch::Tensor linear_product(const torch::Tensor& x,
                             const torch::Tensor& weight,
                             const torch::Tensor& bias);

// The same with gradients; without copies it is torch::nn::functional::linear. Keeps x and weight
// for the backward pass.
torch::Tensor linear_with_gradients(const torch::Tensor& x,
                                    const torch::Tensor& weight,
                                    const torch::Tensor& bias);

}  // namespace retmask
