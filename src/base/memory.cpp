#include "retmask/base/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/format_text.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// Parses "VmRSS:   312 kB" of /proc/self/status and /proc/meminfo.
int64_t kernel_figure(const char* file, std::string_view name) {
  constexpr int64_t kKibibyte = 1024;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.compare(name.size(), 1, ":") != 0) continue;
    return std::stoll(line.substr(name.size() + 1)) * kKibibyte;
  }
  RETMASK_CHECK(false, file, " has no ", name);
}

// Nullopt if the file is missing or says "max".
std::optional<int64_t> read_number(const fs::path& file) {
  std::ifstream stream(file);
  int64_t number = 0;
  if (stream >> number) return number;
  return std::nullopt;
}

// Page cache of the group: the kernel drops it before it refuses memory.
int64_t droppable(const fs::path& group) {
  std::ifstream stream(group / "memory.stat");
  std::string name;
  for (int64_t number = 0; stream >> name >> number;) {
    if (name == "inactive_file" || name == "total_inactive_file") return number;
  }
  return 0;
}

// The smallest distance to a limit of the group and its ancestors up to `root`.
int64_t room_in(const fs::path& root, const fs::path& path, const char* limit, const char* usage) {
  int64_t room = kUnlimited;
  for (fs::path group = path.relative_path();; group = group.parent_path()) {
    const fs::path dir = root / group;
    const auto most = read_number(dir / limit);
    const auto used = read_number(dir / usage);
    if (most && used) room = std::min(room, std::max<int64_t>(0, *most - *used + droppable(dir)));
    if (group.empty()) return room;
  }
}

// Lines of /proc/self/cgroup: "0::/path" (version 2), "9:memory:/path" (version 1).
int64_t control_group_room() {
  const fs::path root = "/sys/fs/cgroup";
  int64_t room = kUnlimited;
  std::ifstream lines("/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path path = line.substr(second + 1);
    if (controllers.empty()) {
      room = std::min(room, room_in(root, path, "memory.max", "memory.current"));
    } else if (controllers == "memory") {
      room = std::min(
          room, room_in(root / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes"));
    }
  }
  return room;
}

}  // namespace

int64_t resident_memory() { return kernel_figure("/proc/self/status", "VmRSS"); }

// Not from getrusage, whose value is inherited from the parent process.
int64_t peak_resident_memory() { return kernel_figure("/proc/self/status", "VmHWM"); }

int64_t available_memory() {
  return std::min(kernel_figure("/proc/meminfo", "MemAvailable"), control_group_room());
}

void prefer_huge_pages(void* begin, size_t bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = (address + page - 1) / page * page;
  const uintptr_t end = (address + bytes) / page * page;
  if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

std::string format_bytes(int64_t bytes) {
  constexpr double kMebibyte = 1 << 20;
  const double mebibytes = static_cast<double>(bytes) / kMebibyte;
  if (mebibytes < 1024) return format_text("%.0f MiB", mebibytes);
  return format_text("%.2f GiB", mebibytes / 1024);
}

}  // namespace retmask
