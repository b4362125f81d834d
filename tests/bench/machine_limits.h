#pragma once
// What this machine can do at most, measured on the spot with all threads.

#include <torch/torch.h>

namespace retmask::bench {

struct MachineLimits {
  double bytes_per_second = 0.0;  // reading memory that no cache holds
  double flop_per_second = 0.0;   // of the kernels' matrix product, operands in the cache
};

// dtype float32 or bfloat16. Takes about a second.
MachineLimits measure_limits(torch::ScalarType dtype);

}  // namespace retmask::bench
