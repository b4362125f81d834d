// For builds without CUDA kernels.

#include "gpu_limits.h"
#include "retmask/base/error.h"

namespace retmask::bench {

bool can_measure_step_parts() { return false; }

StepParts measure_step_parts(const ModelConfig&, torch::ScalarType, int64_t, int64_t) {
  throw InternalError("built without CUDA kernels");
}

}  // namespace retmask::bench
