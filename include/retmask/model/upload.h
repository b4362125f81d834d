#pragma once
// Numbers that a step needs on the model's device.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace retmask {

// A tensor in the CPU's memory to the device. To a GPU without waiting for it: through page-locked
// memory, which libtorch keeps until the copy is over.
inline torch::Tensor upload(const torch::Tensor& host, torch::Device device) {
  return device.is_cpu() ? host : host.pin_memory().to(device, /*non_blocking=*/true);
}

template <typename Value>
torch::Tensor upload(const std::vector<Value>& values, torch::Device device) {
  return upload(torch::tensor(values, torch::CppTypeToScalarType<Value>::value), device);
}

}  // namespace retmask
