#include "retmask/model/device.h"

#include <ATen/DeviceAccelerator.h>
#include <torch/cuda.h>

#include "retmask/base/error.h"
#include "retmask/base/memory.h"

namespace retmask {

torch::Device parse_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  if (name != "cuda" && name != "auto") {
    user_error("--device is \"", name, "\", expected cpu, cuda or auto");
  }
  const bool available = torch::cuda::is_available();
  if (name == "cuda" && !available) {
    user_error(
        "--device cuda: no CUDA device can be used here (no GPU, no driver, or a libtorch without "
        "CUDA); use --device cpu");
  }
  return available ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
}

torch::ScalarType parse_dtype(const std::string& name, TensorType checkpoint_dtype) {
  if (name == "float32") return torch::kFloat32;
  if (name == "bfloat16") return torch::kBFloat16;
  if (name != "auto") user_error("--dtype is \"", name, "\", expected float32, bfloat16 or auto");
  // float16 overflows on models trained in bfloat16, and is slow on CPUs.
  return checkpoint_dtype == TensorType::float32 ? torch::kFloat32 : torch::kBFloat16;
}

int64_t free_memory(torch::Device device) {
  if (device.is_cpu()) return available_memory();
  at::accelerator::emptyCache();  // memory cached by earlier runs counts as free
  return static_cast<int64_t>(at::accelerator::getMemoryInfo(device.index()).first);
}

int64_t peak_memory(torch::Device device) {
  if (device.is_cpu()) return peak_resident_memory();
  return at::accelerator::getDeviceStats(device.index()).allocated_bytes[0].peak;
}

torch::ScalarType to_torch(TensorType type) {
  switch (type) {
    case TensorType::float32:
      return torch::kFloat32;
    case TensorType::float16:
      return torch::kFloat16;
    case TensorType::bfloat16:
      return torch::kBFloat16;
    case TensorType::int64:
      return torch::kInt64;
    case TensorType::int32:
      return torch::kInt32;
    case TensorType::uint8:
      return torch::kUInt8;
    case TensorType::boolean:
      return torch::kBool;
  }
  throw InternalError("unknown tensor type");
}

TensorType from_torch(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return TensorType::float32;
    case torch::kFloat16:
      return TensorType::float16;
    case torch::kBFloat16:
      return TensorType::bfloat16;
    case torch::kInt64:
      return TensorType::int64;
    case torch::kInt32:
      return TensorType::int32;
    case torch::kUInt8:
      return TensorType::uint8;
    case torch::kBool:
      return TensorType::boolean;
    default:
      throw InternalError(std::string("no checkpoint type for ") + toString(type));
  }
}

}  // namespace retmask
