#pragma once
// From tensors to the CPU kernels: element types, pointers, threads.

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <atomic>
#include <type_traits>
#include <vector>

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

// Calls run(i, scratch) once for each i in [0, count), in ascending order, each on the next free
// thread. `scratch` is a buffer of the thread.
template <typename Run>
void run_tasks(int64_t count, const Run& run) {
  std::atomic<int64_t> next = 0;
  const auto threads = std::min<int64_t>(at::get_num_threads(), count);
  at::parallel_for(0, threads, /*grain_size=*/1, [&](int64_t, int64_t) {
    std::vector<float> scratch;
    for (int64_t i = next++; i < count; i = next++) run(i, scratch);
  });
}

}  // namespace retmask
