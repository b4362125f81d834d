#pragma once
// Workers of synthesize on this machine: copies of this program with a part of the prompts each.

#include <cstdint>
#include <optional>
#include <string>

#include "retmask/synthesize/workers.h"

namespace retmask::cli {

// One for each CUDA device where `device` (--device) lets models run there, else 1.
int64_t automatic_workers(const std::string& device);

// Starts the workers, each on a CUDA device of its own where there are any, and waits for them. The
// first one shows its progress, all of them their warnings and errors. When one fails the others
// are ended; throws SilentExit when it has said why, else std::runtime_error.
void run_local_workers(int64_t count);

// The part of the worker that this process is; nothing when it is none of run_local_workers().
std::optional<synthesize::Part> part_of_local_worker();

}  // namespace retmask::cli
