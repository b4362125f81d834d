#pragma once
// A sandbox for a program that is not trusted, for example one that a model wrote.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace retmask {

struct SandboxLimits {
  std::chrono::milliseconds wall_time{3000};
  int64_t cpu_seconds = 10;                 // of each process
  int64_t memory_bytes = int64_t{4} << 30;  // address space of each process
  int64_t file_bytes = int64_t{16} << 20;   // of one file
  int64_t folder_bytes = int64_t{64}
                         << 20;  // of all its files, where it has a file system of its own
  int64_t open_files = 64;
  int64_t processes = 32;

  // Throws UserError.
  void validate() const;
};

// Isolation that the kernel allowed; the limits hold without it.
struct SandboxIsolation {
  bool user = false;       // runs as a user without rights, or without rights over its own user's
  bool network = false;    // no network, not even the loopback
  bool processes = false;  // sees and signals only its own processes, which all end with it
  bool files = false;      // can write only in its folder, which is in memory

  bool is_complete() const { return user && network && processes && files; }
  // "own user, no network, own processes, read-only files"; "none" without any.
  std::string describe() const;
};

struct SandboxResult {
  enum class Ending { exited, signalled, timed_out };
  Ending ending = Ending::exited;
  int code = 0;        // exit code, or the signal
  std::string output;  // what it wrote to descriptor 3, at most 4096 bytes
};

struct SandboxPlan;

// Safe for use by several threads.
class Sandbox {
 public:
  // Finds out what the kernel allows. `program`: an executable with the arguments of every run.
  // Throws UserError if it cannot be run.
  Sandbox(std::vector<std::string> program, const SandboxLimits& limits);

  SandboxIsolation isolation() const;

  // Runs the program with `input` as its standard input; standard output and error are discarded.
  // It starts in an empty folder that goes away, with no environment but PATH and a home there, as
  // the leader of a session of its own. At the end all of its processes are killed. A program that
  // cannot be executed there exits with 127. Throws InternalError if no process can be started.
  SandboxResult run(std::string_view input) const;

 private:
  std::vector<std::string> program_;
  SandboxLimits limits_;
  std::shared_ptr<SandboxPlan> plan_;
};

}  // namespace retmask
