#pragma once
// The processes of a sandbox. They run between fork and exec in a program that has threads, so they
// make only async-signal-safe calls: everything they need is prepared here.

#include <sys/types.h>

#include "retmask/base/sandbox.h"

namespace retmask {

struct SandboxPlan {
  bool drop_user = false;       // as root: become a user of this run's own
  bool namespaces = false;      // of network, processes, mounts, IPC and host name
  bool user_namespace = false;  // the rights to make those come from a user namespace
  bool read_only = false;       // all mounts, but for a new file system in the folder
};

enum class SandboxStep {
  none,
  make_namespaces,
  map_user,
  start_first,
  mount,
  drop_user,
  enter,
  run
};

// What the first process of the sandbox writes to `report`.
struct SandboxReport {
  SandboxStep failed = SandboxStep::none;
  int error = 0;  // errno
  SandboxResult::Ending ending = SandboxResult::Ending::exited;
  int code = 0;
};

struct SandboxJob {
  SandboxPlan plan;
  SandboxLimits limits;
  const char* folder = nullptr;
  char* const* arguments = nullptr;  // null: only set up, then report
  char* const* environment = nullptr;
  const char* tmpfs_options = nullptr;  // size and mode
  const char* uid_map = nullptr;
  const char* gid_map = nullptr;
  uid_t first_user = 0;  // plus the process id: the user of this run
  int input = -1;
  int output = -1;
  int report = -1;
  pid_t parent = 0;
};

// The body of the forked child.
[[noreturn]] void run_sandbox_child(const SandboxJob& job);

}  // namespace retmask
