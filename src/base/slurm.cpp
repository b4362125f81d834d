#include "retmask/base/slurm.h"

#include <cstdlib>

namespace retmask {
namespace {

// Steps that SLURM makes by itself (batch script, interactive shell, ...) are numbered from the end
// of 32 bits.
constexpr unsigned long long kFirstOwnStep = 0xffffff00;

}  // namespace

std::optional<std::string> slurm_task_count(const EnvironmentLookup& environment) {
  const auto step = environment("SLURM_STEP_ID");
  if (!step || !environment("SLURM_PROCID") || environment("SLURM_PTY_PORT")) return std::nullopt;
  if (std::strtoull(step->c_str(), nullptr, 10) >= kFirstOwnStep) return std::nullopt;
  // SLURM_NTASKS is the job's in a step of fewer tasks.
  for (const char* name : {"SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"}) {
    if (environment(name)) return name;
  }
  return std::nullopt;
}

}  // namespace retmask
