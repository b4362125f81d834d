#pragma once
// Measured limits of this GPU, and the time breakdown of a decoding step.

#include <torch/types.h>

#include <cstdint>

#include "machine_limits.h"
#include "retmask/model/config.h"

namespace retmask::bench {

// Bandwidth: a copy of 2 GiB, counting reads and writes. Peak: a product of random [8192, 8192]
// matrices. dtype float32 or bfloat16. Takes about a second.
MachineLimits measure_gpu_limits(torch::ScalarType dtype);

// Seconds of each part of one decoding step of `rows` sequences with `keys` keys each. Each part
// runs alone, on data that is not cached.
struct StepParts {
  double linear = 0.0;  // products with all weights
  double attention = 0.0;
  double sampling = 0.0;
};
StepParts measure_step_parts(const ModelConfig& config,
                             torch::ScalarType dtype,
                             int64_t rows,
                             int64_t keys);
// Whether the build has the kernels that measure_step_parts runs.
bool can_measure_step_parts();

}  // namespace retmask::bench
