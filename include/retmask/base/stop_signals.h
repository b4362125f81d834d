#pragma once
// SIGTERM, SIGINT and SIGUSR1 (what SLURM sends some time before a job's end) as a wish to stop,
// which long work grants where it can be taken up again. Most work can be left anywhere, since what
// is finished lies in journals: it calls stop_point() in its loops. Work that must come to a place
// of its own first (ranks that agree, a state to save) polls a StopPoll and holds the points off.

#include <functional>
#include <stdexcept>
#include <string>

namespace retmask {

// The exit code of a program that stopped because it was asked to and that goes on when it is
// started again: EX_TEMPFAIL of sysexits.h. Job scripts queue the job again when they see it.
constexpr int kStoppedExitCode = 75;

// Thrown by libraries when they leave work because they were asked to; what is on disk is enough to
// go on. main.cpp turns it into kStoppedExitCode.
class Stopped : public std::runtime_error {
 public:
  explicit Stopped(const std::string& message);
};

// The name of the signal that asked to stop ("SIGTERM"), or null while none has. An empty function
// stands for work that is never asked.
using StopPoll = std::function<const char*()>;

// Throws Stopped with the signal's name and `kept`, which says what a new start finds ("the 12
// answers so far are kept").
void stop_if_asked(const StopPoll& poll, const std::string& kept);

// A place where work may be left, as often as one likes: throws Stopped when a signal has asked and
// no HoldStops lives. On the main thread alone, and not in a destructor.
void stop_point();

// The first signal's name, or null; as StopPoll.
const char* stop_asked_by();

// Whether stop_point() would throw. From any thread.
bool stop_is_due();

// Whether a Stopped was thrown since StopSignals began: what ends a run then is no failure.
bool stop_was_granted();

// While one lives stop_point() does nothing.
class HoldStops {
 public:
  HoldStops();
  ~HoldStops();
  HoldStops(const HoldStops&) = delete;
  HoldStops& operator=(const HoldStops&) = delete;
};

// Catches the three signals while it lives; one object at a time. A second SIGINT ends the process
// at once, as without this object. Lets the signals through that a parent has blocked for the time
// of the start (CopyOptions::hold_signals).
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
};

}  // namespace retmask
