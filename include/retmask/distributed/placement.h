#pragma once
// This process's rank in its job, as given by the launcher's environment variables.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "retmask/base/child_processes.h"
#include "retmask/base/slurm.h"

namespace retmask::distributed {

enum class Launcher {
  none,      // one process
  nproc,     // --nproc: this program started copies of itself
  torchrun,  // RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT
  slurm,     // srun: SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, SLURM_JOB_NODELIST
};

struct Placement {
  Launcher launcher = Launcher::none;
  int64_t rank = 0;
  int64_t size = 1;        // ranks of the job
  int64_t local_rank = 0;  // rank on this machine: the GPU to use
  int64_t local_size = 1;  // ranks on this machine; 1 if the launcher does not say
  // The rendezvous address: rank 0 listens there, unless the launcher does (torchrun may).
  std::string master_address = {};
  uint16_t master_port = 0;
  bool launcher_listens = false;
};

using Environment = EnvironmentLookup;
std::optional<std::string> process_environment(const std::string& name);

// torchrun's variables (RANK and WORLD_SIZE together) take precedence over SLURM's, which are used
// if slurm_task_count reports several processes. Throws UserError if one of the launcher's
// variables is missing or is not a number in range.
Placement read_placement(const Environment& environment = process_environment);

// The first name of a SLURM node list: "gpu[07-09,12],login" -> "gpu07".
std::string first_host(const std::string& node_list);

// The environment of rank `index` of `size` ranks that this process starts on this machine;
// read_placement reads it as Launcher::nproc.
EnvironmentVariables environment_of_rank(int64_t index, int64_t size, uint16_t port);
// A currently unused port. Throws UserError.
uint16_t free_port();

}  // namespace retmask::distributed
