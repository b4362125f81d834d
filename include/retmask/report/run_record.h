#pragma once
// run.json: what was run, its inputs and timings; and the rules for resuming in the same folder.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/base/moment.h"

namespace retmask {

// A flag that names files or folders: their content is compared, not the path.
struct InputFlag {
  std::string flag;
  std::string input;         // the name passed to add_input() with their hash
  bool has_default = false;  // add_input() is called even if the flag is not given
};

// Flags that may differ when a run resumes.
struct RunRules {
  // They do not affect the results.
  std::vector<std::string> ignored = {};
  // Compared by the hash of the files; by path if an earlier start recorded no hash.
  std::vector<InputFlag> inputs = {};
  // Compared by the resolved value passed to settle() ("auto"), under the name given here.
  std::vector<std::pair<std::string, std::string>> settled = {};  // (flag, name)
};

// Whether two values of a flag (a path or a list) name the same files or folders: model and model/,
// relative and absolute, direct and through a link.
bool names_same_places(const Json& a, const Json& b);

struct RunInfo {
  std::string command;            // "detect"
  std::filesystem::path out;      // an existing folder
  Json options = Json::object();  // every flag's value, by name
  // Values of flags that are not given: assumed for a flag that an older record lacks.
  Json defaults = Json::object();
  RunRules rules = {};
  int64_t threads = 1;
  std::optional<Moment> moment = std::nullopt;  // of the run that this one is part of
};

// Writes <out>/run.json:
//   {"command", "version", "git", "status": "running" | "done" | "stopped" |
//    "failed", "started", "finished": ISO 8601 in UTC, "seconds", "device", "compute", "threads",
//    "moment": when the run first started, in local time, "options": {flag: value},
//    "paths": {flag: the place that it names}, "settled": {name: what "auto" means},
//    "inputs": {name: hash}, "input_files": {input: {file: hash}}, "throughput": {name: number},
//    "timing": what the last start did,
//    "memory": {"budget": {part: bytes}, "peak": bytes},
//    "use": {server: {"model", "requests", "prompt_tokens", "new_tokens"}},
//    "earlier": [{"started", "finished", "seconds", "status"} of each earlier start in the folder],
//    "files": written files that a later start may replace}
// A refused start leaves the record unchanged.
class RunRecord {
 public:
  // Writes status "running". Throws UserError when `out` holds results of another command or of
  // other options (it lists them old -> new), or results without a run.json. A folder without
  // results (a run that failed before its first one) may be reused. Removes temporary files of
  // killed writers. The caller must hold the OutputLock of `out`.
  explicit RunRecord(RunInfo info);
  // Unless finish() was called, writes status "stopped" (a signal requested it, and the same
  // command resumes) or "failed"; never throws. Does nothing in a forked child.
  ~RunRecord();
  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;

  // True when the folder holds results of an earlier run of the same options.
  bool resumed() const { return resumed_; }

  // When the run first started. Anything that depends on the time of day must use this.
  Moment moment() const { return moment_; }

  // `hash` of a file (sha256_file) or a checkpoint (fingerprint). Throws UserError when resuming
  // with a changed input. The record of an earlier start is kept until the same input is added
  // again. `older_hash`: the hash an older version would have computed; empty: the same.
  void add_input(const std::string& name,
                 const std::string& hash,
                 const std::string& older_hash = "");
  // The files of a folder, by name; an added or removed file counts as a change.
  void add_input_folder(const std::string& folder,
                        const std::map<std::string, std::string>& hashes);
  // Records what the flags under `name` of RunRules::settled resolve to in this run. Throws like
  // add_input().
  void settle(const std::string& name, const Json& meaning);
  // Recorded among the inputs, but may change when the run resumes: a server's address, which moves
  // from node to node.
  void note_input(const std::string& name, const std::string& value);
  // {name: hash} and {input: {file: hash}} of the inputs added so far, in this or an earlier start.
  Json inputs() const { return record_.at("inputs"); }
  Json input_files() const { return record_.at("input_files"); }
  void set_device(const std::string& device);
  // The compute path used on the device: compute_path().
  void set_compute(const std::string& path);
  // "tokens_per_second". Not called when an earlier start had done all the work: its figures are
  // kept.
  void set_throughput(const std::string& name, double value);
  // {"samples": 12, "seconds": 3.5, ...}: the work of this start.
  void set_timing(const Json& timing) { record_["timing"] = timing; }

  // The planned memory by component and the measured peak, in bytes. Kept like the throughput.
  void set_memory(const Json& budget, int64_t peak);

  // What was asked of a server over all starts: what it costs. Kept like the throughput.
  void set_use(const std::string& server, const Json& counts);

  // The list an earlier start passed to set_own_files(); empty if there is none.
  Json own_files() const { return record_.at("files"); }
  void set_own_files(const Json& files);

  // Writes status "done" and the elapsed time.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void write(const std::string& status);
  void read_earlier();
  void check_options() const;
  // Restores the previous record and throws UserError.
  [[noreturn]] void refuse(const std::string& what);

  RunInfo info_;
  Json earlier_;  // the existing run.json; null if there was none
  Moment moment_ = Moment::now();
  bool resumed_ = false;
  bool finished_ = false;
  int64_t process_ = 0;
  Clock::time_point start_ = Clock::now();
  Json record_ = Json::object();
};

}  // namespace retmask
