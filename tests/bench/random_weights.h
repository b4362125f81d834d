#pragma once
// Models of a given shape with random weights: as fast as trained ones, and no file but config.json
// is needed.

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "retmask/model/config.h"

namespace retmask::bench {

// The config.json of `dir`. Throws UserError.
ModelConfig read_shape(const std::filesystem::path& dir);

// Fills `values`, the parameter `name` or a part of it: a norm's weights with ones, all others with
// samples of a normal distribution of standard deviation 0.02, usual for untrained networks. Uses
// libtorch's generator.
void fill_with_random_weights(const std::string& name, const torch::Tensor& values);

}  // namespace retmask::bench
