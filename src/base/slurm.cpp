#include "retmask/base/slurm.h"

#include <cstdlib>

namespace retmask {
namespace {

// Steps created by SLURM itself (batch script, interactive shell, ...) have the highest 32-bit
// numbers.
constexpr unsigned long long kFirstOwnStep = 0xffffff00;

}  // namespace

std::optional<std::string> slurm_task_count(const EnvironmentLookup& environment) {
  const auto step = environment("SLURM_STEP_ID");
  if (!step || !environment("SLURM_PROCID") || environment("SLURM_PTY_PORT")) return std::nullopt;
  if (std::strtoull(step->c_str(), nullptr, 10) >= kFirstOwnStep) return std::nullopt;
  // In a step with fewer tasks, SLURM_NTASKS is that of the job.
  for (const char* name : {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"}) {
    if (environment(name)) return name;
  }
  return std::nullopt;
}

}  // namespace retmask
