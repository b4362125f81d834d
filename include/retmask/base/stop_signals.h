#pragma once
// SIGTERM, SIGINT and SIGUSR1 (which SLURM sends some time before a job's end) as requests to stop,
// granted by long-running work at points from which it can resume. Most work can stop anywhere,
// since finished rows are in journals: it calls stop_point() in its loops. Work that must reach a
// certain point first (ranks that agree, state to save) polls a StopPoll and suppresses stop points
// with HoldStops.

#include <functional>
#include <stdexcept>
#include <string>

namespace retmask {

// Exit code of a program that was asked to stop and resumes when started again: EX_TEMPFAIL of
// sysexits.h. Job scripts requeue the job on this code.
constexpr int kStoppedExitCode = 75;

// Thrown by libraries that stop on request; the files on disk are enough to resume. main.cpp maps
// it to kStoppedExitCode.
class Stopped : public std::runtime_error {
 public:
  explicit Stopped(const std::string& message);
};

// Returns the name of the signal that requested a stop ("SIGTERM"), or null if there was none. An
// empty function means that stops are never requested.
using StopPoll = std::function<const char*()>;

// Throws Stopped with the signal's name and `kept`, which says what a restart finds ("the 12
// answers so far are kept").
void stop_if_asked(const StopPoll& poll, const std::string& kept);

// A point where work may be interrupted; cheap, may be called often. Throws Stopped when a signal
// has requested a stop and no HoldStops exists. Main thread only, and not in a destructor.
void stop_point();

// The first signal's name, or null; a StopPoll.
const char* stop_asked_by();

// Whether stop_point() would throw. Callable from any thread.
bool stop_is_due();

// Whether Stopped was thrown since StopSignals was created: the end of the run is then not a
// failure.
bool stop_was_granted();

// While one exists, stop_point() does nothing.
class HoldStops {
 public:
  HoldStops();
  ~HoldStops();
  HoldStops(const HoldStops&) = delete;
  HoldStops& operator=(const HoldStops&) = delete;
};

// Catches the three signals while it exists; one object at a time. A second SIGINT kills the
// process at once, as it would without this object. Unblocks the signals that a parent blocked
// during startup (CopyOptions::hold_signals).
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
};

}  // namespace retmask
