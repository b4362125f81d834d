#pragma once
// How the ranks of a job find each other.

#include "rendezvous.h"
#include "retmask/distributed/process_group.h"

namespace retmask::distributed {

// Returns when every rank has come. See ProcessGroup's constructor.
Rendezvous meet_others(const Placement& placement, const ConnectOptions& options);

}  // namespace retmask::distributed
