#include "local_workers.h"

#include <torch/cuda.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "retmask/base/child_processes.h"
#include "retmask/base/format_text.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"

namespace retmask::cli {
namespace {

constexpr char kPart[] = "RETMASK_WORKER";  // "0/4"
constexpr char kDevices[] = "CUDA_VISIBLE_DEVICES";

int64_t num_devices() {
  return torch::cuda::is_available() ? static_cast<int64_t>(torch::cuda::device_count()) : 0;
}

// The names of the visible devices: numbers, or UUIDs as the scheduler gave them.
std::vector<std::string> device_names() {
  std::vector<std::string> names;
  const char* visible = std::getenv(kDevices);
  if (visible != nullptr) {
    std::istringstream list(visible);
    for (std::string name; std::getline(list, name, ',');) names.push_back(name);
  }
  const auto count = static_cast<size_t>(num_devices());
  for (size_t i = names.size(); i < count; ++i) names.push_back(std::to_string(i));
  names.resize(count);  // CUDA ignores everything after an invalid name
  return names;
}

}  // namespace

int64_t automatic_workers(const std::string& device) {
  return device == "cpu" ? 1 : std::max<int64_t>(1, num_devices());
}

void run_local_workers(int64_t count) {
  const std::vector<std::string> devices = device_names();
  log::info(format_text("%ld workers; the first one shows its progress", count));
  CopyOptions copies;
  copies.count = count;
  copies.environment = [&](int64_t index) {
    const Part part{.shard = index, .num_shards = count};
    EnvironmentVariables variables = {{kPart, part.name()}};
    if (!devices.empty())
      variables.emplace_back(kDevices, devices[static_cast<size_t>(index) % devices.size()]);
    return variables;
  };
  copies.orderly_exit_codes = {0, kStoppedExitCode};
  copies.hold_signals = true;
  const CopiesResult result = run_copies(copies);
  if (result.exit_code == 0) return;
  if (result.exit_code == kStoppedExitCode) {
    throw Stopped(
        "stopped by a signal; the answers so far are kept; run the same command again to resume");
  }
  if (!result.cause || result.cause->signal == 0) throw SilentExit(result.exit_code);
  throw std::runtime_error(format_text(
      "worker %ld of %ld ended by %s; the answers so far are kept; run the same command "
      "again to resume",
      result.cause->index,
      count,
      result.cause->describe().c_str()));
}

void run_as_local_worker(const std::function<void()>& run) {
  try {
    run();
  } catch (const Stopped&) {
    throw SilentExit(kStoppedExitCode);
  }
}

std::optional<Part> part_of_local_worker() {
  const char* name = std::getenv(kPart);
  if (name == nullptr) return std::nullopt;
  return parse_part(name);
}

}  // namespace retmask::cli
