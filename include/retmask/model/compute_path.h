#pragma once
// The compute path of a model, for the run record: speeds of different paths are not comparable.

#include <string>

#include "retmask/model/inference.h"

namespace retmask {

// "cpu: own kernels", "cuda: libtorch for prompts, own kernels in CUDA graphs for new tokens",
// "cuda: libtorch (this build has no CUDA kernels)", ...
std::string compute_path(const InferenceLm& model);
// The same for training.
std::string training_path(torch::Device device, torch::ScalarType dtype);

}  // namespace retmask
