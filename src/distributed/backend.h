#pragma once
// Factories for c10d's process groups.

#include <chrono>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "rendezvous.h"
#include "retmask/distributed/placement.h"

namespace retmask::distributed {

// Gloo on CPUs. The network interface is GLOO_SOCKET_IFNAME if set, loopback if the ranks meet
// there, otherwise the interface of this machine's host name, as in torch.
c10::intrusive_ptr<c10d::Backend> make_gloo(const Rendezvous& rendezvous,
                                            const Placement& placement,
                                            std::chrono::milliseconds timeout);

// NCCL on GPUs. Throws UserError in a build without NCCL.
c10::intrusive_ptr<c10d::Backend> make_nccl(const Rendezvous& rendezvous,
                                            const Placement& placement,
                                            std::chrono::milliseconds timeout);

}  // namespace retmask::distributed
