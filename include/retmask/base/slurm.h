#pragma once
// What SLURM's environment says of this process.

#include <functional>
#include <optional>
#include <string>

namespace retmask {

// The value of an environment variable; nothing when it is unset or empty.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// The name of the variable with the number of tasks that `srun` started side by side, of which this
// process is one. Nothing where a single process runs, whatever the job's other variables say: in a
// batch script, in the shell of salloc, and in that of srun --pty, whose other tasks read an empty
// input and are gone.
std::optional<std::string> slurm_task_count(const EnvironmentLookup& environment);

}  // namespace retmask
