#pragma once
// run.json: what was run, on what, how long it took; and the rule for going on in the same folder.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask {

struct RunInfo {
  std::string command;            // "detect"
  std::filesystem::path out;      // an existing folder
  Json options = Json::object();  // every flag's value, by name
  // Flags that do not change the results: these may differ when a run goes on.
  std::vector<std::string> ignored = {};
  int64_t threads = 1;
};

// Writes <out>/run.json:
//   {"command", "version", "git", "status": "running" | "done" | "stopped" |
//    "failed", "started", "finished": ISO 8601 in UTC, "seconds", "device", "threads",
//    "options": {flag: value}, "inputs": {name: hash}, "throughput": {name: number},
//    "memory": {"budget": {part: bytes}, "peak": bytes},
//    "earlier": [{"started", "finished", "seconds", "status"} of each earlier start in the folder]}
class RunRecord {
 public:
  // Writes status "running". Throws UserError when `out` holds results of another command or of
  // other options; it lists them old -> new. A folder with nothing but run.json (a run that failed
  // at once) may be used anew.
  explicit RunRecord(RunInfo info);
  // Unless finish() was reached, writes status "stopped" (a signal asked for it, and the same
  // command goes on) or "failed"; never throws. In a forked child it does nothing.
  ~RunRecord();
  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;

  // True when the folder holds results of an earlier run of the same options.
  bool resumed() const { return resumed_; }

  // `hash` of a file (sha256_file) or a checkpoint (fingerprint). Throws UserError when going on
  // with a changed one.
  void add_input(const std::string& name, const std::string& hash);
  // Recorded among the inputs, but may be another one when the run goes on: the address of a
  // server, which moves from node to node.
  void note_input(const std::string& name, const std::string& value);
  void set_device(const std::string& device);
  // "tokens_per_second". Not called when an earlier start had done all the work: its figures are
  // then kept.
  void set_throughput(const std::string& name, double value);

  // What the run was to take, part by part, and the most that it took; bytes. The same rule.
  void set_memory(const Json& budget, int64_t peak);

  // Status "done" with the time it took.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void write(const std::string& status);

  RunInfo info_;
  Json earlier_;  // the run.json found; null when there was none to go on from
  bool resumed_ = false;
  bool finished_ = false;
  int64_t process_ = 0;
  Clock::time_point start_ = Clock::now();
  Json record_ = Json::object();
};

}  // namespace retmask
