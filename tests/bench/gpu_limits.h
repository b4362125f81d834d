#pragma once
// What this GPU can do at most, measured on the spot, and where a decoding step's time goes.

#include <torch/torch.h>

#include <cstdint>

#include "machine_limits.h"
#include "retmask/model/config.h"

namespace retmask::bench {

// Bandwidth by a copy of 2 GiB, counting what is read and what is written; peak by a product of
// random [8192, 8192] matrices. dtype float32 or bfloat16. Takes about a second.
MachineLimits measure_gpu_limits(torch::ScalarType dtype);

// Seconds of one decoding step of `rows` sequences with `keys` keys each, part by part, each part
// run by itself on data that no cache holds.
struct StepParts {
  double linear = 0.0;  // the products with all weights
  double attention = 0.0;
  double sampling = 0.0;
};
StepParts measure_step_parts(const ModelConfig& config,
                             torch::ScalarType dtype,
                             int64_t rows,
                             int64_t keys);
// Built with the kernels that measure_step_parts runs?
bool can_measure_step_parts();

}  // namespace retmask::bench
