#pragma once
// Host-to-device copies of small inputs.

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace retmask {

// Copies a CPU tensor to the device. To a GPU asynchronously: through page-locked memory, which
// libtorch keeps until the copy is done.
inline torch::Tensor upload(const torch::Tensor& host, torch::Device device) {
  return device.is_cpu() ? host : host.pin_memory().to(device, /*non_blocking=*/true);
}

template <typename Value>
torch::Tensor upload(const std::vector<Value>& values, torch::Device device) {
  return upload(torch::tensor(values, torch::CppTypeToScalarType<Value>::value), device);
}

}  // namespace retmask
