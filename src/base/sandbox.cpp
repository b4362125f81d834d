#include "retmask/base/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "pipe.h"
#include "retmask/base/error.h"
#include "retmask/base/file_descriptor.h"
#include "sandbox_child.h"

namespace retmask {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr uid_t kFirstUser = 1'900'000'000;  // beyond the users of a system
constexpr size_t kMostOutput = 4096;
// What the sandbox may take longer than the program, before it is killed from outside.
constexpr std::chrono::seconds kGrace{5};

// An empty folder that goes away.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((fs::temp_directory_path() / "retmask-sandbox-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      write_error(errno,
                  "cannot create a folder in ",
                  fs::temp_directory_path(),
                  ": ",
                  std::strerror(errno));
    }
    ::chmod(path_.c_str(), 0777);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

FileDescriptor file_in_memory(std::string_view bytes) {
  FileDescriptor file(::memfd_create("input", MFD_CLOEXEC));
  RETMASK_CHECK(file.get() >= 0, std::strerror(errno));
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    RETMASK_CHECK(written > 0, std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

// Reads what is there. False at the end.
bool read_some(int file, std::string& bytes) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::read(file, buffer.data(), buffer.size());
  if (count <= 0) return count < 0 && errno == EINTR;
  bytes.append(buffer.data(), static_cast<size_t>(count));
  return true;
}

// Runs `job` in a child; the report it wrote, and the first bytes of its output.
struct Outcome {
  std::optional<SandboxReport> report = {};  // nullopt: it was killed
  std::string output = {};
};

Outcome run_child(SandboxJob job) {
  Pipe output = make_pipe();
  Pipe report = make_pipe();
  job.output = output.write.get();
  job.report = report.write.get();
  job.parent = ::getpid();
  const pid_t child = ::fork();
  RETMASK_CHECK(child >= 0, "cannot start a process: ", std::strerror(errno));
  if (child == 0) run_sandbox_child(job);
  output.write.close();
  report.write.close();

  Outcome outcome;
  std::string reported;
  const auto deadline = Clock::now() + job.limits.wall_time + kGrace;
  bool killed = false;
  std::array<pollfd, 2> waiting = {
      {{report.read.get(), POLLIN, 0}, {output.read.get(), POLLIN, 0}}};
  while (reported.size() < sizeof(SandboxReport)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0 && !killed) {
      ::kill(child, SIGKILL);
      killed = true;
    }
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::max<int64_t>(left.count(), 10)));
    if (waiting[1].revents != 0 && !read_some(waiting[1].fd, outcome.output)) waiting[1].fd = -1;
    if (outcome.output.size() > kMostOutput) outcome.output.resize(kMostOutput);
    if (waiting[0].revents != 0 && !read_some(waiting[0].fd, reported)) break;
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  // All processes are gone, or at least those in the sandbox's session.
  ::fcntl(output.read.get(), F_SETFL, O_NONBLOCK);
  while (waiting[1].fd >= 0 && outcome.output.size() < kMostOutput &&
         read_some(output.read.get(), outcome.output)) {
  }
  if (reported.size() == sizeof(SandboxReport)) {
    outcome.report.emplace();
    std::memcpy(&*outcome.report, reported.data(), sizeof(SandboxReport));
  }
  return outcome;
}

// Texts that a child needs.
struct JobTexts {
  std::string tmpfs_options;
  std::string uid_map;
  std::string gid_map;
};

JobTexts texts_of(const SandboxLimits& limits) {
  const auto map = [](auto id) { return detail::concat(id, " ", id, " 1\n"); };
  return {detail::concat("mode=0777,size=", limits.folder_bytes), map(::getuid()), map(::getgid())};
}

SandboxJob job_of(const SandboxPlan& plan,
                  const SandboxLimits& limits,
                  const TemporaryFolder& folder,
                  const JobTexts& texts) {
  SandboxJob job;
  job.plan = plan;
  job.limits = limits;
  job.folder = folder.path().c_str();
  job.tmpfs_options = texts.tmpfs_options.c_str();
  job.uid_map = texts.uid_map.c_str();
  job.gid_map = texts.gid_map.c_str();
  job.first_user = kFirstUser;
  return job;
}

bool works(const SandboxPlan& plan, const SandboxLimits& limits) {
  const TemporaryFolder folder;
  const JobTexts texts = texts_of(limits);
  const Outcome outcome = run_child(job_of(plan, limits, folder, texts));
  return outcome.report && outcome.report->failed == SandboxStep::none;
}

// The strictest plan that works.
SandboxPlan find_plan(const SandboxLimits& limits) {
  const bool is_root = ::geteuid() == 0;
  for (const bool user_namespace : {!is_root, true}) {
    for (const bool read_only : {true, false}) {
      const SandboxPlan plan = {is_root && !user_namespace, true, user_namespace, read_only};
      if (works(plan, limits)) return plan;
    }
  }
  const SandboxPlan other_user = {is_root, false, false, false};
  return works(other_user, limits) ? other_user : SandboxPlan{};
}

SandboxIsolation isolation_of(const SandboxPlan& plan) {
  return {.user = plan.drop_user || plan.user_namespace,
          .network = plan.namespaces,
          .processes = plan.namespaces,
          .files = plan.read_only};
}

std::vector<char*> c_strings(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

void SandboxLimits::validate() const {
  RETMASK_CHECK(cpu_seconds > 0 && memory_bytes > 0 && file_bytes > 0 && folder_bytes > 0 &&
                open_files > 8 && processes > 0);
  if (wall_time.count() <= 0) user_error("the time limit of a program is not positive");
}

std::string SandboxIsolation::describe() const {
  std::string text;
  const auto add = [&](bool holds, const char* what) {
    if (holds) text += (text.empty() ? "" : ", ") + std::string(what);
  };
  add(user, "own user");
  add(network, "no network");
  add(processes, "own processes");
  add(files, "read-only files");
  return text.empty() ? "none" : text;
}

Sandbox::Sandbox(std::vector<std::string> program, const SandboxLimits& limits)
    : program_(std::move(program)), limits_(limits), plan_(std::make_shared<SandboxPlan>()) {
  limits.validate();
  if (program_.empty() || ::access(program_[0].c_str(), X_OK) != 0) {
    user_error(
        "cannot run ", program_.empty() ? "nothing" : program_[0], ": not an executable file");
  }
  *plan_ = find_plan(limits);
}

SandboxIsolation Sandbox::isolation() const { return isolation_of(*plan_); }

SandboxResult Sandbox::run(std::string_view input) const {
  const TemporaryFolder folder;
  const JobTexts texts = texts_of(limits_);
  std::vector<std::string> arguments = program_;
  std::vector<std::string> environment = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                          "HOME=" + folder.path(),
                                          "TMPDIR=" + folder.path(),
                                          "LANG=C.UTF-8",
                                          "PYTHONHASHSEED=0"};
  const std::vector<char*> argument_pointers = c_strings(arguments);
  const std::vector<char*> environment_pointers = c_strings(environment);
  const FileDescriptor input_file = file_in_memory(input);
  SandboxJob job = job_of(*plan_, limits_, folder, texts);
  job.arguments = argument_pointers.data();
  job.environment = environment_pointers.data();
  job.input = input_file.get();
  Outcome outcome = run_child(job);
  if (!outcome.report) return {SandboxResult::Ending::timed_out, 0, std::move(outcome.output)};
  const SandboxReport& report = *outcome.report;
  if (report.failed == SandboxStep::run) return {SandboxResult::Ending::exited, 127, ""};
  RETMASK_CHECK(report.failed == SandboxStep::none,
                "sandbox step ",
                static_cast<int>(report.failed),
                ": ",
                std::strerror(report.error));
  return {report.ending, report.code, std::move(outcome.output)};
}

}  // namespace retmask
