#pragma once
// c10d's process groups, which differ in how they are made.

#include <torch/torch.h>

#include <chrono>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "rendezvous.h"
#include "retmask/distributed/placement.h"

namespace retmask::distributed {

// Gloo on CPUs. The interface is the one that leads to the rendezvous: loopback for ranks of one
// machine, else GLOO_SOCKET_IFNAME or the one of this machine's name, as in torch.
c10::intrusive_ptr<c10d::Backend> make_gloo(const Rendezvous& rendezvous,
                                            const Placement& placement,
                                            std::chrono::milliseconds timeout);

// NCCL on GPUs. Throws UserError in a build without it.
c10::intrusive_ptr<c10d::Backend> make_nccl(const Rendezvous& rendezvous,
                                            const Placement& placement,
                                            std::chrono::milliseconds timeout);

}  // namespace retmask::distributed
