#pragma once
// A few strings that all ranks see: c10d's TCPStore.

#include <torch/torch.h>

#include <chrono>
#include <string>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "retmask/distributed/placement.h"

namespace retmask::distributed {

// Under it stands which rank failed first.
inline constexpr const char* kFailedKey = "failed";
// Where ranks say goodbye that end because one has failed.
inline constexpr const char* kLeavingKey = "leaving";

// Whether somebody takes connections where the ranks meet.
bool answers(const Placement& placement);

class Rendezvous {
 public:
  // `listen`: this process is the server; else somebody listens there already. Throws c10::Error.
  Rendezvous(const Placement& placement, bool listen, std::chrono::milliseconds timeout);

  const c10::intrusive_ptr<c10d::TCPStore>& store() const { return store_; }

  void set(const std::string& key, const std::string& value);
  // Waits until all of them are there.
  std::vector<std::string> get(const std::vector<std::string>& keys);
  // Sets the key if it is empty yet; returns what stands there now.
  std::string claim(const std::string& key, const std::string& value);
  bool has(const std::string& key);
  // Of `keys`, those that are not there.
  std::vector<std::string> missing(const std::vector<std::string>& keys);
  // Says goodbye under `key`, once. Rank 0, which as a rule is the server, waits for all others'
  // goodbye, or for `timeout` at most.
  void leave(const std::string& key, std::chrono::milliseconds timeout);

  const std::string& prefix() const { return prefix_; }

 private:
  c10::intrusive_ptr<c10d::TCPStore> store_;
  std::string prefix_;  // of every key
  int64_t rank_;
  int64_t ranks_;
};

}  // namespace retmask::distributed
