#include "retmask/distributed/placement.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "retmask/base/error.h"
#include "retmask/base/file_descriptor.h"
#include "retmask/base/slurm.h"

namespace retmask::distributed {
namespace {

constexpr const char* kLauncherVariable = "RETMASK_LAUNCHER";
constexpr const char* kNproc = "nproc";
constexpr const char* kLoopback = "127.0.0.1";

std::string require(const Environment& environment, const std::string& name, const char* launcher) {
  if (auto value = environment(name)) return *value;
  user_error("the environment variable ",
             name,
             " is missing, but other variables are set of ",
             launcher,
             "; start all ranks with it, or unset its variables to run a single process");
}

int64_t require_number(const Environment& environment,
                       const std::string& name,
                       const char* launcher,
                       int64_t least,
                       int64_t most) {
  const std::string text = require(environment, name, launcher);
  int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  if (!whole || number < least || number > most) {
    user_error("the environment variable ",
               name,
               " is \"",
               text,
               "\", expected a number from ",
               least,
               " to ",
               most);
  }
  return number;
}

constexpr int64_t kMostRanks = 1 << 20;

Placement read_torchrun(const Environment& environment) {
  constexpr const char* kName = "torchrun (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT)";
  Placement placement{.launcher = environment(kLauncherVariable) == kNproc ? Launcher::nproc
                                                                           : Launcher::torchrun};
  placement.size = require_number(environment, "WORLD_SIZE", kName, 1, kMostRanks);
  if (placement.size == 1) return {};
  placement.rank = require_number(environment, "RANK", kName, 0, placement.size - 1);
  placement.local_rank = require_number(environment, "LOCAL_RANK", kName, 0, kMostRanks);
  if (environment("LOCAL_WORLD_SIZE"))
    placement.local_size = require_number(environment, "LOCAL_WORLD_SIZE", kName, 1, kMostRanks);
  placement.master_address = require(environment, "MASTER_ADDR", kName);
  placement.master_port =
      static_cast<uint16_t>(require_number(environment, "MASTER_PORT", kName, 1, 65535));
  placement.launcher_listens = environment("TORCHELASTIC_USE_AGENT_STORE") == "True";
  return placement;
}

// A port that all ranks of a step agree on, outside the range of common services.
uint16_t port_of_step(const Environment& environment) {
  const std::string job = environment("SLURM_JOB_ID").value_or("0");
  const std::string step = environment("SLURM_STEP_ID").value_or("0");
  const auto number =
      std::strtoull(job.c_str(), nullptr, 10) * 7 + std::strtoull(step.c_str(), nullptr, 10);
  return static_cast<uint16_t>(20000 + number % 10000);
}

// `count`: the variable with the number of tasks.
Placement read_slurm(const Environment& environment, const std::string& count) {
  constexpr const char* kName = "srun (SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID)";
  Placement placement{.launcher = Launcher::slurm};
  placement.size = require_number(environment, count, kName, 1, kMostRanks);
  if (placement.size == 1) return {};
  placement.rank = require_number(environment, "SLURM_PROCID", kName, 0, placement.size - 1);
  placement.local_rank = require_number(environment, "SLURM_LOCALID", kName, 0, kMostRanks);
  if (environment("SLURM_STEP_NUM_NODES")) {
    const int64_t nodes = require_number(environment, "SLURM_STEP_NUM_NODES", kName, 1, kMostRanks);
    placement.local_size = (placement.size + nodes - 1) / nodes;
  }
  placement.master_port = port_of_step(environment);
  if (environment("MASTER_PORT")) {
    placement.master_port =
        static_cast<uint16_t>(require_number(environment, "MASTER_PORT", kName, 1, 65535));
  }
  if (const auto address = environment("MASTER_ADDR")) {
    placement.master_address = *address;
  } else {
    const auto nodes = environment("SLURM_STEP_NODELIST");
    placement.master_address =
        first_host(nodes ? *nodes : require(environment, "SLURM_JOB_NODELIST", kName));
  }
  return placement;
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Placement read_placement(const Environment& environment) {
  // One of them alone is a leftover or belongs to a job script.
  if (environment("RANK") && environment("WORLD_SIZE")) return read_torchrun(environment);
  if (const auto count = slurm_task_count(environment)) return read_slurm(environment, *count);
  return {};
}

std::string first_host(const std::string& node_list) {
  const size_t bracket = node_list.find_first_of("[,");
  if (bracket == std::string::npos || node_list[bracket] == ',') {
    return node_list.substr(0, bracket);
  }
  const size_t end = node_list.find_first_of("-,]", bracket);
  const size_t close = node_list.find(']', bracket);
  if (end == std::string::npos || close == std::string::npos) {
    user_error("SLURM's node list \"", node_list, "\" has a [ without its ]; set MASTER_ADDR");
  }
  const std::string host =
      node_list.substr(0, bracket) + node_list.substr(bracket + 1, end - bracket - 1);
  const std::string rest = node_list.substr(close + 1);
  // "rack[1-2]node[3-4]": a second list in the same name.
  return rest.empty() || rest.front() == ',' ? host : host + first_host(rest);
}

EnvironmentVariables environment_of_rank(int64_t index, int64_t size, uint16_t port) {
  return {{kLauncherVariable, kNproc},
          {"RANK", std::to_string(index)},
          {"WORLD_SIZE", std::to_string(size)},
          {"LOCAL_RANK", std::to_string(index)},
          {"LOCAL_WORLD_SIZE", std::to_string(size)},
          {"MASTER_ADDR", kLoopback},
          {"MASTER_PORT", std::to_string(port)},
          {"TORCHELASTIC_USE_AGENT_STORE", ""}};
}

uint16_t free_port() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (socket.get() < 0 || ::bind(socket.get(), generic, size) != 0 ||
      ::getsockname(socket.get(), generic, &size) != 0) {
    user_error("cannot find a free port on this machine: ", std::strerror(errno));
  }
  return ntohs(address.sin_port);
}

}  // namespace retmask::distributed
