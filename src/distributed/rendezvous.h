#pragma once
// A key-value store shared by all ranks: c10d's TCPStore.

#include <chrono>
#include <string>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "retmask/distributed/placement.h"

namespace retmask::distributed {

// Key of the number of the rank that failed first.
inline constexpr const char* kFailedKey = "failed";
// Key for leave() of ranks that end because one has failed.
inline constexpr const char* kLeavingKey = "leaving";

// Whether a server accepts connections at the rendezvous address.
bool answers(const Placement& placement);

class Rendezvous {
 public:
  // `listen`: this process is the server; otherwise one is already listening. Throws c10::Error.
  Rendezvous(const Placement& placement, bool listen, std::chrono::milliseconds timeout);

  const c10::intrusive_ptr<c10d::TCPStore>& store() const { return store_; }

  void set(const std::string& key, const std::string& value);
  // Waits until all keys are set.
  std::vector<std::string> get(const std::vector<std::string>& keys);
  // Sets the key if it is unset; returns its current value.
  std::string claim(const std::string& key, const std::string& value);
  bool has(const std::string& key);
  // The `keys` that are not set.
  std::vector<std::string> missing(const std::vector<std::string>& keys);
  // Announces under `key`, once, that this rank leaves. Rank 0, usually the server, waits for all
  // other ranks to leave, at most for `timeout`.
  void leave(const std::string& key, std::chrono::milliseconds timeout);

  const std::string& prefix() const { return prefix_; }

 private:
  c10::intrusive_ptr<c10d::TCPStore> store_;
  std::string prefix_;  // of all keys
  int64_t rank_;
  int64_t ranks_;
};

}  // namespace retmask::distributed
