#pragma once
// Rendezvous of the ranks of a job.

#include "rendezvous.h"
#include "retmask/distributed/process_group.h"

namespace retmask::distributed {

// Returns when all ranks have arrived. See ProcessGroup's constructor.
Rendezvous meet_others(const Placement& placement, const ConnectOptions& options);

}  // namespace retmask::distributed
