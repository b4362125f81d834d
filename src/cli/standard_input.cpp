#include "standard_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/base/file_descriptor.h"

namespace retmask::cli {
namespace {

constexpr const char* kStandardInput = "/dev/stdin";
constexpr std::array<std::string_view, 5> kFlags = {
    "--prompts", "--pairs", "--eval-pairs", "--data", "--needles"};

bool names_it(const Json& value) {
  if (value.is_string()) return value == kStandardInput;
  return value.is_array() && std::ranges::any_of(value, names_it);
}

[[noreturn]] void cannot_hold() {
  user_error("cannot keep standard input in ",
             std::filesystem::temp_directory_path(),
             ": ",
             std::strerror(errno),
             "; give a file, or another TMPDIR");
}

// A file that goes with its last descriptor.
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

void hold_standard_input(const Json& options) {
  if (std::ranges::none_of(options, names_it)) return;
  struct stat status {};
  if (::fstat(STDIN_FILENO, &status) != 0)
    user_error("standard input is closed, but it is to be read");
  if (S_ISREG(status.st_mode)) return;  // can be opened again
  const FileDescriptor file = open_nameless();
  std::array<char, 1 << 16> buffer{};
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) user_error("cannot read standard input: ", std::strerror(errno));
    if (got == 0) break;
    write_all(file.get(), buffer.data(), static_cast<size_t>(got));
  }
  if (::dup2(file.get(), STDIN_FILENO) < 0) cannot_hold();
}

}  // namespace retmask::cli
