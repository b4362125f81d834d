#pragma once
// The ranks of a job and their collectives: NCCL between GPUs, Gloo between CPUs (both from
// libtorch's c10d). A single rank needs no backend: every call is then a copy or a no-op.

#include <torch/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "retmask/distributed/placement.h"

namespace retmask::distributed {

// A collective failed because another rank is gone or does not answer. The watchdog, or the process
// that started the ranks, finds out which one and why.
class PeerLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A collective in progress. Its tensors must not be used before wait().
class Pending {
 public:
  Pending() = default;
  explicit Pending(std::function<void()> wait) : wait_(std::move(wait)) {}

  // On a GPU the current stream waits, not the host. A second call is a no-op. Throws PeerLost.
  void wait();

 private:
  std::function<void()> wait_;
};

struct ConnectOptions {
  // Time until a warning names the missing ranks.
  std::chrono::milliseconds patience{5000};
  // Time until all ranks must have arrived.
  std::chrono::seconds meeting_timeout{300};
  // Longest wait in a collective (a rank may be saving the model).
  std::chrono::seconds collective_timeout{3600};
};

class GroupBackend;

// Every rank must make the same calls in the same order.
class ProcessGroup {
 public:
  // A single rank.
  ProcessGroup();
  // Meets the other ranks; after a few seconds it warns which ones are missing and how to run
  // alone. From here on ranks can report errors to each other, see Watchdog; call connect() before
  // any collective. Throws UserError on timeout, Stopped on a signal, PeerLost if another rank
  // failed.
  explicit ProcessGroup(const Placement& placement, const ConnectOptions& options = {});
  // The same, followed by connect(device).
  ProcessGroup(const Placement& placement,
               torch::Device device,
               const ConnectOptions& options = {});
  ~ProcessGroup();
  ProcessGroup(ProcessGroup&&) noexcept;
  ProcessGroup& operator=(ProcessGroup&&) noexcept;

  // Connects all ranks with each other. `device`: where the tensors will be. Throws the backend's
  // error if this rank cannot connect, PeerLost if another one does not.
  void connect(torch::Device device);

  const Placement& placement() const { return placement_; }
  int64_t rank() const { return placement_.rank; }
  int64_t size() const { return placement_.size; }
  bool is_first() const { return rank() == 0; }
  // Whether this rank is in a call that may wait for other ranks, or has lost one. Thread-safe.
  bool is_waiting() const;

  // Sums over the ranks, in place. Tensors are contiguous and of equal size on all ranks.
  Pending all_reduce(const torch::Tensor& tensor);
  // `output` [n] becomes this rank's n elements of the sum of the `input`s [size * n].
  Pending reduce_scatter(const torch::Tensor& output, const torch::Tensor& input);
  // `output` [size * n] becomes the concatenation of the ranks' `input`s [n]. `input` may be this
  // rank's part of `output`.
  Pending all_gather(const torch::Tensor& output, const torch::Tensor& input);
  // `tensor` becomes that of rank `root`.
  Pending broadcast(const torch::Tensor& tensor, int64_t root);

  // Sums of a few numbers, and whether `value` is true on any rank. Both wait for the result.
  std::vector<double> sum(std::vector<double> values);
  bool any(bool value);
  void barrier();

  // Ends a successful job: afterwards no rank needs another one. Without it the remaining ranks
  // would take a rank that ends for lost.
  void finish();

 private:
  Placement placement_;
  ConnectOptions options_;
  torch::Device device_ = torch::kCPU;
  std::unique_ptr<GroupBackend> backend_;
};

}  // namespace retmask::distributed
