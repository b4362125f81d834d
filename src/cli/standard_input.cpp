#include "standard_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/file_descriptor.h"
#include "retmask/base/stop_signals.h"

namespace retmask::cli {
namespace {

constexpr const char* kStandardInput = "/dev/stdin";
constexpr std::array<std::string_view, 5> kFlags = {
    "--prompts", "--pairs", "--eval-pairs", "--data", "--needles"};

void collect_streams(const Json& value, std::map<int, std::string>& streams) {
  if (value.is_string()) {
    const std::string& path = value.get_ref<const std::string&>();
    if (const auto descriptor = descriptor_of(path)) streams.emplace(*descriptor, path);
  } else if (value.is_structured()) {
    for (const Json& item : value) collect_streams(item, streams);
  }
}

[[noreturn]] void cannot_hold() {
  user_error("cannot store the input of a pipe in ",
             std::filesystem::temp_directory_path(),
             ": ",
             std::strerror(errno),
             "; give a file or set another TMPDIR");
}

// A file that is removed when its last descriptor is closed.
FileDescriptor open_nameless() {
  std::string name = (std::filesystem::temp_directory_path() / "retmask-stdin-XXXXXX").string();
  FileDescriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0) cannot_hold();
  ::unlink(name.c_str());
  return file;
}

void write_all(int file, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot_hold();
    bytes += written;
    size -= static_cast<size_t>(written);
  }
}

// Polls, so that a stop signal is noticed; read() would keep waiting.
void wait_for_bytes(int descriptor) {
  constexpr int kMilliseconds = 50;
  pollfd ready{.fd = descriptor, .events = POLLIN, .revents = 0};
  do {
    stop_point();
  } while (::poll(&ready, 1, kMilliseconds) <= 0);
}

void hold(int descriptor, const std::string& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) user_error("cannot read ", path, ": it is closed");
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) return;  // can be reopened
  const FileDescriptor file = open_nameless();
  std::array<char, 1 << 16> buffer{};
  while (true) {
    wait_for_bytes(descriptor);
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) user_error("cannot read ", path, ": ", std::strerror(errno));
    if (got == 0) break;
    write_all(file.get(), buffer.data(), static_cast<size_t>(got));
  }
  if (::dup2(file.get(), descriptor) < 0) cannot_hold();
}

}  // namespace

std::vector<std::string> name_standard_input(std::vector<std::string> arguments) {
  bool takes_file = false;
  for (std::string& argument : arguments) {
    if (argument == "-" && takes_file) {
      argument = kStandardInput;
    } else if (argument.starts_with("--")) {
      const std::string flag = argument.substr(0, argument.find('='));
      takes_file = std::ranges::find(kFlags, flag) != kFlags.end();
      if (takes_file && argument == flag + "=-") argument = flag + "=" + kStandardInput;
    }
  }
  return arguments;
}

void hold_streams(const Json& options) {
  std::map<int, std::string> streams;
  collect_streams(options, streams);
  for (const auto& [descriptor, path] : streams) hold(descriptor, path);
}

}  // namespace retmask::cli
