#include "python_sandbox.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <sstream>
#include <vector>

#include "retmask/base/error.h"
#include "retmask/base/format_text.h"

namespace retmask::eval {
namespace {

namespace fs = std::filesystem;

// The program gets what human-eval gives it: an empty global scope and no input. It passes only if
// the token arrives, which is written behind its end: a program that ends itself has not passed.
constexpr const char* kBootstrap =
    "import os, sys\n"
    "token, _, program = sys.stdin.buffer.read().partition(b'\\n')\n"
    "nothing = os.open(os.devnull, os.O_RDONLY)\n"
    "os.dup2(nothing, 0)\n"
    "os.close(nothing)\n"
    "exec(compile(program, 'solution.py', 'exec'), {})\n"
    "os.write(3, token)\n"
    "os._exit(0)\n";

std::vector<std::string> python_candidates() {
  std::vector<std::string> candidates;
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path == nullptr ? "" : path) + ":/usr/bin:/usr/local/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder) / "python3";
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) {
      candidates.push_back(candidate.string());
    }
  }
  return candidates;
}

std::string new_token() {
  std::random_device device;
  return format_text("%08x%08x", device(), device());
}

std::string failure(const SandboxResult& result) {
  switch (result.ending) {
    case SandboxResult::Ending::timed_out:
      return "timed out";
    case SandboxResult::Ending::signalled:
      return detail::concat("killed by signal ", result.code);
    case SandboxResult::Ending::exited:
      break;
  }
  return result.code == 0 ? "ended early" : "failed";
}

}  // namespace

PythonSandbox::PythonSandbox(const SandboxLimits& limits) {
  std::string tried;
  for (const std::string& candidate : python_candidates()) {
    python_ = candidate;
    sandbox_ = std::make_unique<Sandbox>(
        std::vector<std::string>{candidate, "-I", "-B", "-c", kBootstrap}, limits);
    if (run("") == "passed") return;
    tried += (tried.empty() ? "" : ", ") + candidate;
  }
  user_error("programs are run with python3, which ",
             tried.empty() ? "is not in PATH; install it"
                           : "does not work for a user without rights: " + tried);
}

std::string PythonSandbox::run(const std::string& program) const {
  const std::string token = new_token();
  const SandboxResult result = sandbox_->run(token + "\n" + program);
  const bool ended = result.ending == SandboxResult::Ending::exited && result.code == 0;
  return ended && result.output == token ? "passed" : failure(result);
}

}  // namespace retmask::eval
