// For builds without CUDA kernels: InferenceLm::has_decode() is false there, so the host executor
// is the only one.

#include "host_step_executor.h"

namespace retmask {

std::unique_ptr<StepExecutor> make_step_executor(const InferenceLm& model,
                                                 const BlockPool& pool,
                                                 const StepExecutorOptions& options) {
  return std::make_unique<HostStepExecutor>(model, pool, options);
}

}  // namespace retmask
