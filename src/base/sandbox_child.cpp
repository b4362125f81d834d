#include "sandbox_child.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace retmask {
namespace {

[[noreturn]] void fail(const SandboxJob& job, SandboxStep step) {
  const SandboxReport report = {step, errno, SandboxResult::Ending::exited, 0};
  if (::write(job.report, &report, sizeof(report)) < 0) ::_exit(2);
  ::_exit(1);
}

void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before prctl
}

bool write_to(const char* path, const char* text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const auto size = static_cast<ssize_t>(std::strlen(text));
  const bool written = ::write(file, text, static_cast<size_t>(size)) == size;
  ::close(file);
  return written;
}

void make_namespaces(const SandboxJob& job) {
  if (!job.plan.namespaces) return;
  int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  if (job.plan.user_namespace) flags |= CLONE_NEWUSER;
  if (::unshare(flags) != 0) fail(job, SandboxStep::make_namespaces);
  if (!job.plan.user_namespace) return;
  const bool mapped = write_to("/proc/self/setgroups", "deny") &&
                      write_to("/proc/self/uid_map", job.uid_map) &&
                      write_to("/proc/self/gid_map", job.gid_map);
  if (!mapped) fail(job, SandboxStep::map_user);
}

// Leaves the folder as the only place to write.
void make_read_only(const SandboxJob& job) {
  mount_attr read_only = {};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  const bool mounted =
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      ::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof(read_only)) == 0 &&
      ::mount("tmpfs", job.folder, "tmpfs", MS_NOSUID | MS_NODEV, job.tmpfs_options) == 0;
  if (!mounted) fail(job, SandboxStep::mount);
  // Where it is refused, /proc shows other processes, but none can be reached.
  ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
}

void drop_user(const SandboxJob& job, uid_t user) {
  const bool dropped = ::setgroups(0, nullptr) == 0 && ::setresgid(user, user, user) == 0 &&
                       ::setresuid(user, user, user) == 0;
  if (!dropped) fail(job, SandboxStep::drop_user);
}

bool limit(int resource, int64_t most) {
  const rlimit both = {static_cast<rlim_t>(most), static_cast<rlim_t>(most)};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &both) == 0;
}

[[noreturn]] void run_program(const SandboxJob& job) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const SandboxLimits& limits = job.limits;
  const bool limited = limit(RLIMIT_CPU, limits.cpu_seconds) &&
                       limit(RLIMIT_AS, limits.memory_bytes) &&
                       limit(RLIMIT_FSIZE, limits.file_bytes) && limit(RLIMIT_CORE, 0) &&
                       limit(RLIMIT_NPROC, limits.processes);
  const int nowhere = ::open("/dev/null", O_WRONLY);
  if (!limited || nowhere < 0) fail(job, SandboxStep::enter);
  // Above all descriptors in use, before 0 to 3 are replaced.
  const int output = ::fcntl(job.output, F_DUPFD, 10);
  const int report = ::fcntl(job.report, F_DUPFD_CLOEXEC, 10);
  const bool connected = output >= 0 && report >= 0 && ::dup2(job.input, 0) == 0 &&
                         ::dup2(nowhere, 1) == 1 && ::dup2(nowhere, 2) == 2 &&
                         ::dup2(output, 3) == 3;
  if (!connected) fail(job, SandboxStep::enter);
  SandboxJob moved = job;
  moved.report = report;
  for (int file = 4; file < report; ++file) ::close(file);
  ::syscall(SYS_close_range, report + 1, ~0U, 0);
  if (!limit(RLIMIT_NOFILE, limits.open_files)) fail(moved, SandboxStep::enter);
  ::execve(job.arguments[0], job.arguments, job.environment);
  fail(moved, SandboxStep::run);
}

int64_t milliseconds_now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Waits for the program, and for orphans that become our children.
SandboxReport watch(const SandboxJob& job, pid_t program) {
  const int64_t deadline = milliseconds_now() + job.limits.wall_time.count();
  SandboxReport report;
  timespec pause = {0, 500'000};
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended == program) {
      const bool signalled = WIFSIGNALED(status);
      report.ending = signalled ? SandboxResult::Ending::signalled : SandboxResult::Ending::exited;
      report.code = signalled ? WTERMSIG(status) : WEXITSTATUS(status);
      return report;
    }
    if (ended > 0) continue;
    if (milliseconds_now() >= deadline) {
      report.ending = SandboxResult::Ending::timed_out;
      return report;
    }
    ::nanosleep(&pause, nullptr);
    if (pause.tv_nsec < 10'000'000) pause.tv_nsec *= 2;
  }
}

// The first process of the sandbox: sets it up, starts the program and ends all others.
[[noreturn]] void run_first(const SandboxJob& job, pid_t parent, uid_t user) {
  die_with(parent);
  if (job.plan.read_only) make_read_only(job);
  if (::chdir(job.folder) != 0) fail(job, SandboxStep::enter);
  if (job.plan.drop_user) drop_user(job, user);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user clears it
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  SandboxReport report;
  if (job.arguments != nullptr) {
    const pid_t program = ::fork();
    if (program < 0) fail(job, SandboxStep::run);
    if (program == 0) run_program(job);
    ::close(job.output);
    report = watch(job, program);
    ::kill(-program, SIGKILL);
    if (job.plan.drop_user || job.plan.namespaces) ::kill(-1, SIGKILL);  // all of this user
  }
  if (::write(job.report, &report, sizeof(report)) < 0) ::_exit(2);
  ::_exit(0);
}

}  // namespace

void run_sandbox_child(const SandboxJob& job) {
  ::setsid();
  die_with(job.parent);
  // Where memory runs out, the kernel ends this one first.
  write_to("/proc/self/oom_score_adj", "1000");
  const uid_t user = job.first_user + static_cast<uid_t>(::getpid());
  make_namespaces(job);
  const pid_t self = ::getpid();
  const pid_t first = ::fork();
  if (first < 0) fail(job, SandboxStep::start_first);
  // In a namespace of processes, the first one's parent is outside: 0.
  if (first == 0) run_first(job, job.plan.namespaces ? 0 : self, user);
  ::close(job.output);
  ::close(job.report);
  while (::waitpid(first, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

}  // namespace retmask
