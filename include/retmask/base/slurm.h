#pragma once
// SLURM's description of this process, from the environment.

#include <functional>
#include <optional>
#include <string>

namespace retmask {

// The value of an environment variable; nullopt when it is unset or empty.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// The name of the variable that holds the number of tasks started in parallel by `srun`, if this
// process is one of them. Nullopt for a single process, whatever the job's other variables say: in
// a batch script, in the shell of salloc, and in that of srun --pty, whose other tasks read an
// empty input and exit.
std::optional<std::string> slurm_task_count(const EnvironmentLookup& environment);

}  // namespace retmask
