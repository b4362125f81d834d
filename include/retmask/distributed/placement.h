#pragma once
// Where this process stands among those of its job, as its launcher tells by the environment.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "retmask/base/child_processes.h"
#include "retmask/base/slurm.h"

namespace retmask::distributed {

enum class Launcher {
  none,      // one process
  nproc,     // this program started the ranks as its own copies
  torchrun,  // RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT
  slurm,     // srun: SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, SLURM_JOB_NODELIST
};

struct Placement {
  Launcher launcher = Launcher::none;
  int64_t rank = 0;
  int64_t size = 1;        // ranks of the job
  int64_t local_rank = 0;  // among those on this machine: the GPU to use
  int64_t local_size = 1;  // ranks on this machine, as far as the launcher tells
  // Where the ranks meet: rank 0 listens there, unless the launcher does it (torchrun may).
  std::string master_address = {};
  uint16_t master_port = 0;
  bool launcher_listens = false;
};

using Environment = EnvironmentLookup;
std::optional<std::string> process_environment(const std::string& name);

// torchrun's variables (RANK and WORLD_SIZE together) go before SLURM's, which count where
// slurm_task_count says that several processes run. Throws UserError for a variable that is missing
// beside the others or is not a number in range.
Placement read_placement(const Environment& environment = process_environment);

// The first name of SLURM's list: "gpu[07-09,12],login" -> "gpu07".
std::string first_host(const std::string& node_list);

// The environment of rank `index` of `size` ranks that this process starts on its own machine, so
// that read_placement gives them Launcher::nproc.
EnvironmentVariables environment_of_rank(int64_t index, int64_t size, uint16_t port);
// A port that nobody listens on now. Throws UserError.
uint16_t free_port();

}  // namespace retmask::distributed
