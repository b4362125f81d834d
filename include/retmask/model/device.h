#pragma once
// --device, --dtype and device memory.

#include <torch/types.h>

#include <string>

#include "retmask/checkpoint/safetensors.h"

namespace retmask {

// "cpu", "cuda" or "auto" (cuda if available). Throws UserError when cuda is requested but not
// available.
torch::Device parse_device(const std::string& name);

// "float32", "bfloat16" or "auto" (the checkpoint's dtype; float16 becomes bfloat16). Throws
// UserError.
torch::ScalarType parse_dtype(const std::string& name, TensorType checkpoint_dtype);

// Free memory and peak use in bytes: on the CPU of the whole process, on a GPU of libtorch.
int64_t free_memory(torch::Device device);
int64_t peak_memory(torch::Device device);

torch::ScalarType to_torch(TensorType type);
TensorType from_torch(torch::ScalarType type);

}  // namespace retmask
