#pragma once
// What a model computes with, for the record of a run: speeds of different paths do not compare.

#include <string>

#include "retmask/model/model.h"

namespace retmask {

// "cpu: own kernels", "cuda: libtorch for prompts, own kernels in CUDA graphs for new tokens",
// "cuda: libtorch (this build has no CUDA kernels)", ...
std::string compute_path(const CausalLm& model);
// The same of training.
std::string training_path(torch::Device device, torch::ScalarType dtype);

}  // namespace retmask
