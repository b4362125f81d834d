#pragma once
// --device and --dtype, and a device's memory.

#include <torch/torch.h>

#include <string>

#include "retmask/checkpoint/safetensors.h"

namespace retmask {

// "cpu", "cuda" or "auto" (cuda where there is one). Throws UserError when cuda is asked for and
// absent.
torch::Device parse_device(const std::string& name);

// "float32", "bfloat16" or "auto" (the checkpoint's own; float16 becomes bfloat16). Throws
// UserError.
torch::ScalarType parse_dtype(const std::string& name, TensorType checkpoint_dtype);

// What may still be taken there, and the most that has been, in bytes: on the CPU by this process
// in all, on a GPU by libtorch.
int64_t free_memory(torch::Device device);
int64_t peak_memory(torch::Device device);

torch::ScalarType to_torch(TensorType type);
TensorType from_torch(torch::ScalarType type);

}  // namespace retmask
