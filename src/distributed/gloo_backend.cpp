#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "backend.h"

namespace retmask::distributed {
namespace {

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "localhost" || address == "::1";
}

}  // namespace

c10::intrusive_ptr<c10d::Backend> make_gloo(const Rendezvous& rendezvous,
                                            const Placement& placement,
                                            std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  const auto interface = process_environment("GLOO_SOCKET_IFNAME");
  if (interface) {
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(*interface));
  } else if (is_loopback(placement.master_address)) {
    options->devices.push_back(
        c10d::ProcessGroupGloo::createDeviceForHostname(placement.master_address));
  } else {
    options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
  }
  return c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>(rendezvous.prefix() + "gloo", rendezvous.store()),
      static_cast<int>(placement.rank),
      static_cast<int>(placement.size),
      options);
}

}  // namespace retmask::distributed
