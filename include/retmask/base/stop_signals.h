#pragma once
// SIGTERM, SIGINT and SIGUSR1 (what SLURM sends some time before a job's end) as a wish to stop,
// which long work grants where it can be taken up again.

#include <functional>
#include <stdexcept>

namespace retmask {

// The exit code of a program that stopped because it was asked to and that goes on when it is
// started again: EX_TEMPFAIL of sysexits.h. Job scripts queue the job again when they see it.
constexpr int kStoppedExitCode = 75;

// Thrown by libraries when they leave work because they were asked to; what is on disk is enough to
// go on. main.cpp turns it into kStoppedExitCode.
class Stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The name of the signal that asked to stop ("SIGTERM"), or null while none has. An empty function
// stands for work that is never asked.
using StopPoll = std::function<const char*()>;

// Throws Stopped with the signal's name and `kept`, which says what a new start finds ("the 12
// answers so far are kept").
void stop_if_asked(const StopPoll& poll, const std::string& kept);

// Catches the three signals while it lives; one object at a time. A second SIGINT ends the process
// at once, as without this object.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Of the first signal, as StopPoll.
  const char* asked_by() const;
  // The object outlives the function.
  StopPoll poll() const;
};

}  // namespace retmask
