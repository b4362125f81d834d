#pragma once
// Maps tensors to the element types and pointers of the CPU kernels.

#include <torch/torch.h>

#include <type_traits>

#include "retmask/base/error.h"
#include "retmask/kernels/bfloat16.h"

namespace retmask {

// Calls function(Element{}) with the kernels' type of `dtype`.
template <typename Function>
auto with_element(torch::ScalarType dtype, const Function& function) {
  if (dtype == torch::kBFloat16) return function(kernels::BFloat16{});
  RETMASK_CHECK(dtype == torch::kFloat32, "no CPU kernel for ", dtype);
  return function(float{});
}

// Null for an undefined tensor.
template <typename Element>
const Element* data_of(const torch::Tensor& tensor) {
  return tensor.defined() ? static_cast<const Element*>(tensor.const_data_ptr()) : nullptr;
}

template <typename Element>
Element* mutable_data_of(const torch::Tensor& tensor) {
  return static_cast<Element*>(tensor.mutable_data_ptr());
}

}  // namespace retmask
