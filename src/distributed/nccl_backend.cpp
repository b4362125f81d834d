#ifdef RETMASK_WITH_NCCL
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "backend.h"
#include "retmask/base/error.h"

namespace retmask::distributed {

#ifdef RETMASK_WITH_NCCL

c10::intrusive_ptr<c10d::Backend> make_nccl(const Rendezvous& rendezvous,
                                            const Placement& placement,
                                            std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::make_intrusive<c10d::PrefixStore>(rendezvous.prefix() + "nccl", rendezvous.store()),
      static_cast<int>(placement.rank),
      static_cast<int>(placement.size),
      options);
}

#else

c10::intrusive_ptr<c10d::Backend> make_nccl(const Rendezvous&,
                                            const Placement&,
                                            std::chrono::milliseconds) {
  user_error(
      "this build has no NCCL, so several GPU ranks cannot communicate; use --device cpu or one "
      "rank");
}

#endif

}  // namespace retmask::distributed
