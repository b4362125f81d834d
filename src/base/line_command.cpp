#include "retmask/base/line_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "pipe.h"
#include "retmask/base/error.h"
#include "retmask/base/file_descriptor.h"
#include "retmask/base/stop_signals.h"

extern char** environ;

namespace retmask {
namespace {

constexpr int kPollMilliseconds = 200;  // between stop points

// The running command. Its processes are killed if it is destroyed before wait().
class ShellCommand {
 public:
  ShellCommand(const std::string& what, const std::string& command) {
    Pipe in = make_pipe();
    Pipe out = make_pipe();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    // A group of its own, to be killed as one; without the signals that we ignore or block.
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t usual = none;
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGUSR1}) ::sigaddset(&usual, signal);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &usual);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes,
        static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    std::string text = command;
    std::string shell = "sh";
    std::string option = "-c";
    std::array<char*, 4> arguments = {shell.data(), option.data(), text.data(), nullptr};
    const int failed =
        ::posix_spawn(&process_, "/bin/sh", &actions, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failed != 0) user_error(what, ": cannot start /bin/sh: ", std::strerror(failed));
    input_ = std::move(in.write);
    output_ = std::move(out.read);
    ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
    is_running_ = true;
  }
  ~ShellCommand() {
    if (!is_running_) return;
    ::kill(-process_, SIGKILL);
    wait();
  }
  ShellCommand(const ShellCommand&) = delete;
  ShellCommand& operator=(const ShellCommand&) = delete;

  FileDescriptor& input() { return input_; }
  int output() const { return output_.get(); }

  // Waits for its end; returns what waitpid(2) says.
  int wait() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    is_running_ = false;
    return status;
  }

 private:
  pid_t process_ = -1;
  bool is_running_ = false;
  FileDescriptor input_;
  FileDescriptor output_;
};

// Writes what fits into the pipe; closes it at the end of `bytes`, or if nobody reads it.
void write_some(FileDescriptor& input, std::string_view& bytes) {
  if (!bytes.empty()) {
    const ssize_t count = ::write(input.get(), bytes.data(), bytes.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) bytes = {};
    if (count > 0) bytes.remove_prefix(static_cast<size_t>(count));
  }
  if (bytes.empty()) input.close();
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return detail::concat("was killed by signal ", WTERMSIG(status));
  return detail::concat("ended with exit code ", WEXITSTATUS(status));
}

}  // namespace

void run_line_command(const std::string& what,
                      const std::string& command,
                      const std::vector<std::string>& lines,
                      const AnswerVisitor& on_answer) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  std::string_view unwritten = all;
  ShellCommand running(what, command);
  std::string unread;
  size_t answered = 0;
  for (bool is_open = true; is_open;) {
    stop_point();
    std::array<pollfd, 2> waiting = {
        {{running.output(), POLLIN, 0}, {running.input().get(), POLLOUT, 0}}};
    ::poll(waiting.data(), waiting.size(), kPollMilliseconds);
    if (waiting[1].revents != 0) write_some(running.input(), unwritten);
    if (waiting[0].revents == 0) continue;
    std::array<char, 65536> buffer{};
    const ssize_t count = ::read(running.output(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    is_open = count > 0;
    if (is_open) {
      unread.append(buffer.data(), static_cast<size_t>(count));
    } else if (!unread.empty()) {
      unread += '\n';  // the last line may lack its break
    }
    size_t begin = 0;
    for (size_t end = unread.find('\n'); end != std::string::npos; end = unread.find('\n', begin)) {
      if (answered == lines.size()) {
        user_error(
            what, ": the command answers more than the ", lines.size(), " lines it was given");
      }
      on_answer(answered, unread.substr(begin, end - begin));
      ++answered;
      begin = end + 1;
    }
    unread.erase(0, begin);
  }
  running.input().close();
  const int status = running.wait();
  if (status == 0 && answered == lines.size()) return;
  user_error(what,
             ": the command ",
             end_of(status),
             " after answers to ",
             answered,
             " of ",
             lines.size(),
             " lines");
}

}  // namespace retmask
