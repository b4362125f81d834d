#pragma once
// The ranks of a job and what they do together: NCCL between GPUs, Gloo between CPUs (both out of
// libtorch's c10d). One rank alone needs no backend: every call then is a copy or nothing.

#include <torch/torch.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "retmask/distributed/placement.h"

namespace retmask::distributed {

// A collective failed because another rank is gone or does not answer. Which one and why the
// watchdog finds out, or who started the ranks.
class PeerLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A collective under way. Its tensors must not be touched before wait().
class Pending {
 public:
  Pending() = default;
  explicit Pending(std::function<void()> wait) : wait_(std::move(wait)) {}

  // On a GPU the current stream waits, not the host. Throws PeerLost. A second call does nothing.
  void wait();

 private:
  std::function<void()> wait_;
};

struct ConnectOptions {
  // Until it is said who is waited for.
  std::chrono::milliseconds patience{5000};
  // Until all ranks have come.
  std::chrono::seconds meeting_timeout{300};
  // Longest time that a rank may let the others wait in a collective (it may be saving the model).
  std::chrono::seconds collective_timeout{3600};
};

class GroupBackend;

// Every rank must make the same calls in the same order.
class ProcessGroup {
 public:
  // One rank alone.
  ProcessGroup();
  // Meets the others; after a few seconds it warns whom it waits for and how to run alone. They can
  // tell each other of errors from here on, see Watchdog; connect() comes before any collective.
  // Throws UserError when they do not come, Stopped when a signal comes first, PeerLost when
  // another rank has failed meanwhile.
  explicit ProcessGroup(const Placement& placement, const ConnectOptions& options = {});
  // Both.
  ProcessGroup(const Placement& placement,
               torch::Device device,
               const ConnectOptions& options = {});
  ~ProcessGroup();
  ProcessGroup(ProcessGroup&&) noexcept;
  ProcessGroup& operator=(ProcessGroup&&) noexcept;

  // Of all ranks with each other. `device`: where the tensors will be. Throws what the backend
  // throws where this rank cannot, PeerLost where another one does not.
  void connect(torch::Device device);

  const Placement& placement() const { return placement_; }
  int64_t rank() const { return placement_.rank; }
  int64_t size() const { return placement_.size; }
  bool is_first() const { return rank() == 0; }
  // Whether this rank is in a call that may have to wait for the others, or has lost one. From any
  // thread.
  bool is_waiting() const;

  // Sums over the ranks, in place. Tensors are contiguous and of equal size on all ranks.
  Pending all_reduce(const torch::Tensor& tensor);
  // `output` [n] becomes this rank's n elements of the sum of the `input`s [size * n].
  Pending reduce_scatter(const torch::Tensor& output, const torch::Tensor& input);
  // `output` [size * n] becomes the ranks' `input`s [n], one after the other. `input` may be this
  // rank's part of `output`.
  Pending all_gather(const torch::Tensor& output, const torch::Tensor& input);
  // `tensor` becomes rank `root`'s.
  Pending broadcast(const torch::Tensor& tensor, int64_t root);

  // Sums of a few numbers, and whether any rank says yes; both wait.
  std::vector<double> sum(std::vector<double> values);
  bool any(bool value);
  void barrier();

  // The end of a job that went well: afterwards no rank needs another one. Without it the ranks
  // that are left would take a rank that ends for lost.
  void finish();

 private:
  Placement placement_;
  ConnectOptions options_;
  torch::Device device_ = torch::kCPU;
  std::unique_ptr<GroupBackend> backend_;
};

}  // namespace retmask::distributed
