#pragma once
// A pipe(2) whose ends are closed in child processes that do not duplicate them.

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "retmask/base/error.h"
#include "retmask/base/file_descriptor.h"

namespace retmask {

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

inline Pipe make_pipe() {
  std::array<int, 2> ends{};
  RETMASK_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0, std::strerror(errno));
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

}  // namespace retmask
