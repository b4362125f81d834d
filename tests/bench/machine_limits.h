#pragma once
// Measured limits of this machine, using all threads.

#include <torch/types.h>

namespace retmask::bench {

struct MachineLimits {
  double bytes_per_second = 0.0;  // reading uncached memory
  double flop_per_second = 0.0;   // matrix product of the kernels, operands in the cache
};

// dtype float32 or bfloat16. Takes about a second.
MachineLimits measure_limits(torch::ScalarType dtype);

}  // namespace retmask::bench
