#pragma once
// --shard, --workers and --merge: how processes share a run.

#include <cstdint>
#include <string>

#include "common.h"
#include "retmask/base/part.h"

namespace retmask::cli {

struct WorkerFlags {
  std::string shard;    // empty: SLURM's task number, or the whole run
  int64_t workers = 0;  // on this machine; 0: one per CUDA device
  bool merge = false;
};

// `what` is divided: "prompts". `options` must outlive the command.
void add_worker_flags(Command& command, WorkerFlags& flags, const std::string& what);

// --workers, otherwise one per CUDA device if `uses_devices` and the work is not split by --shard
// or SLURM. Throws UserError for --workers in a part.
int64_t num_workers(const WorkerFlags& flags,
                    const std::string& what,
                    const std::string& device,
                    bool uses_devices);

// The part given by --shard, otherwise by SLURM, otherwise the whole.
Part own_part(const WorkerFlags& flags, const std::string& what);

// For a local worker: it gets its share of the threads, and only the first one logs.
void join_workers(const Part& part, CommonOptions& common);

}  // namespace retmask::cli
