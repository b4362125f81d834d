#pragma once
// Local workers: copies of this program that do one part of a run each.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "retmask/base/part.h"

namespace retmask::cli {

// One worker per CUDA device if `device` (--device) allows CUDA, otherwise 1.
int64_t automatic_workers(const std::string& device);

// Starts the workers, each on its own CUDA device if there are any, and waits for them. The first
// worker shows progress, all show warnings and errors. If one fails, the others are ended; throws
// SilentExit if it has reported why, otherwise std::runtime_error.
void run_local_workers(int64_t count);

// Calls `run` in a process that run_local_workers() started. A stop ends it silently, because the
// parent process reports it for all workers.
void run_as_local_worker(const std::function<void()>& run);

// The part of this process if it was started by run_local_workers(), otherwise nothing.
std::optional<Part> part_of_local_worker();

}  // namespace retmask::cli
