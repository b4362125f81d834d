#include "retmask/distributed/process_group.h"

#include <atomic>
#include <exception>
#include <utility>

#include "backend.h"
#include "meet_others.h"
#include "rendezvous.h"
#include "retmask/base/error.h"

namespace retmask::distributed {
namespace {

constexpr std::chrono::seconds kGoodbye{30};
constexpr const char* kFinishedKey = "finished";

std::string where(const Placement& placement) {
  return detail::concat("rank ", placement.rank, " of ", placement.size);
}

// Number of calls that wait for other ranks.
using Waiting = std::shared_ptr<std::atomic<int>>;

class WaitingCall {
 public:
  explicit WaitingCall(Waiting waiting) : waiting_(std::move(waiting)) { waiting_->fetch_add(1); }
  // A failed call stays counted: this rank then waits to learn which rank was lost.
  ~WaitingCall() {
    if (std::uncaught_exceptions() == exceptions_before_) waiting_->fetch_sub(1);
  }
  WaitingCall(const WaitingCall&) = delete;
  WaitingCall& operator=(const WaitingCall&) = delete;

 private:
  const Waiting waiting_;
  const int exceptions_before_ = std::uncaught_exceptions();
};

// Runs `call`; a failure means that another rank is gone and becomes PeerLost.
template <typename Call>
auto guarded(const Placement& placement,
             const Waiting& waiting,
             const char* what,
             const Call& call) {
  try {
    const WaitingCall waiting_call(waiting);
    return call();
  } catch (const c10::Error& error) {
    throw PeerLost(
        detail::concat(where(placement), ": ", what, ": ", error.what_without_backtrace()));
  } catch (const std::runtime_error& error) {  // thrown by Gloo
    throw PeerLost(detail::concat(where(placement), ": ", what, ": ", error.what()));
  }
}

// Starts a collective and keeps `tensors` alive until it is waited for.
template <typename Call>
Pending start(const Placement& placement,
              const Waiting& waiting,
              const char* what,
              std::vector<torch::Tensor> tensors,
              const Call& call) {
  c10::intrusive_ptr<c10d::Work> work = guarded(placement, waiting, what, call);
  return Pending([placement, waiting, what, held = std::move(tensors), work] {
    guarded(placement, waiting, what, [&] { return work->wait(); });
  });
}

}  // namespace

class GroupBackend {
 public:
  explicit GroupBackend(Rendezvous place) : rendezvous(std::move(place)) {}

  Rendezvous rendezvous;
  c10::intrusive_ptr<c10d::Backend> backend;
  Waiting waiting = std::make_shared<std::atomic<int>>(0);
};

void Pending::wait() {
  if (!wait_) return;
  const auto wait = std::move(wait_);
  wait_ = nullptr;
  wait();
}

ProcessGroup::ProcessGroup() = default;
ProcessGroup::~ProcessGroup() = default;
ProcessGroup::ProcessGroup(ProcessGroup&&) noexcept = default;
ProcessGroup& ProcessGroup::operator=(ProcessGroup&&) noexcept = default;

ProcessGroup::ProcessGroup(const Placement& placement, const ConnectOptions& options)
    : placement_(placement), options_(options) {
  if (size() == 1) return;
  backend_ = std::make_unique<GroupBackend>(meet_others(placement, options));
}

ProcessGroup::ProcessGroup(const Placement& placement,
                           torch::Device device,
                           const ConnectOptions& options)
    : ProcessGroup(placement, options) {
  connect(device);
}

void ProcessGroup::connect(torch::Device device) {
  device_ = device;
  if (!backend_) return;
  try {
    const WaitingCall waiting(backend_->waiting);
    backend_->backend =
        device.is_cuda() ? make_nccl(backend_->rendezvous, placement_, options_.collective_timeout)
                         : make_gloo(backend_->rendezvous, placement_, options_.collective_timeout);
  } catch (const c10::Error&) {  // no such network, no such device
    throw;
  } catch (const UserError&) {
    throw;
  } catch (const std::runtime_error& error) {  // thrown by Gloo: the peer is gone
    throw PeerLost(detail::concat(where(placement_), ": connect: ", error.what()));
  }
  barrier();
}

bool ProcessGroup::is_waiting() const { return backend_ && backend_->waiting->load() > 0; }

Pending ProcessGroup::all_reduce(const torch::Tensor& tensor) {
  if (!backend_) return Pending();
  return start(placement_, backend_->waiting, "all_reduce", {tensor}, [&] {
    std::vector<torch::Tensor> tensors{tensor};
    return backend_->backend->allreduce(tensors);
  });
}

Pending ProcessGroup::reduce_scatter(const torch::Tensor& output, const torch::Tensor& input) {
  RETMASK_CHECK(input.numel() == output.numel() * size());
  if (!backend_) {
    if (output.data_ptr() != input.data_ptr()) output.copy_(input);
    return Pending();
  }
  return start(placement_, backend_->waiting, "reduce_scatter", {output, input}, [&] {
    torch::Tensor to = output;
    torch::Tensor from = input;
    return backend_->backend->_reduce_scatter_base(to, from);
  });
}

Pending ProcessGroup::all_gather(const torch::Tensor& output, const torch::Tensor& input) {
  RETMASK_CHECK(output.numel() == input.numel() * size());
  if (!backend_) {
    if (output.data_ptr() != input.data_ptr()) output.copy_(input);
    return Pending();
  }
  return start(placement_, backend_->waiting, "all_gather", {output, input}, [&] {
    torch::Tensor to = output;
    torch::Tensor from = input;
    return backend_->backend->_allgather_base(to, from);
  });
}

Pending ProcessGroup::broadcast(const torch::Tensor& tensor, int64_t root) {
  if (!backend_) return Pending();
  return start(placement_, backend_->waiting, "broadcast", {tensor}, [&] {
    std::vector<torch::Tensor> tensors{tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return backend_->backend->broadcast(tensors, options);
  });
}

std::vector<double> ProcessGroup::sum(std::vector<double> values) {
  if (!backend_) return values;
  const torch::Tensor on_device = torch::tensor(values, torch::kFloat64).to(device_);
  all_reduce(on_device).wait();
  const torch::Tensor sums = on_device.to(torch::kCPU);
  return {sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + sums.numel()};
}

bool ProcessGroup::any(bool value) { return sum({value ? 1.0 : 0.0}).front() > 0; }

void ProcessGroup::barrier() { sum({0.0}); }

void ProcessGroup::finish() {
  if (!backend_) return;
  barrier();
  guarded(placement_, backend_->waiting, "goodbye", [&] {
    backend_->rendezvous.leave(kFinishedKey, kGoodbye);
  });
}

}  // namespace retmask::distributed
