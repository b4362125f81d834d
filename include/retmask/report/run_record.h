#pragma once
// run.json: what was run, on what, how long it took; and the rule for going on in the same folder.

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

// A flag that names files or folders: what counts is what they hold.
struct InputFlag {
  std::string flag;
  std::string input;         // the name under which add_input() tells their hash
  bool has_default = false;  // add_input() is called also where the flag is not given
};

// Which flags may differ when a run goes on.
struct RunRules {
  // They do not change the results.
  std::vector<std::string> ignored = {};
  // Compared by the hash of what they name; where an earlier start has left none, by the place.
  std::vector<InputFlag> inputs = {};
  // Compared by what settle() says they mean ("auto"), under the name given here.
  std::vector<std::pair<std::string, std::string>> settled = {};  // (flag, name)
};

// Whether two values of a flag (a path or a list) name the same files or folders: model and model/,
// relative and absolute, straight and through a link.
bool names_same_places(const Json& a, const Json& b);

struct RunInfo {
  std::string command;            // "detect"
  std::filesystem::path out;      // an existing folder
  Json options = Json::object();  // every flag's value, by name
  // The values of flags that are not given: what an older record that lacks a flag stands for.
  Json defaults = Json::object();
  RunRules rules = {};
  int64_t threads = 1;
  std::optional<Moment> moment = std::nullopt;  // of a run that this one is a part of
};

// Writes <out>/run.json:
//   {"command", "version", "git", "status": "running" | "done" | "stopped" |
//    "failed", "started", "finished": ISO 8601 in UTC, "seconds", "device", "compute", "threads",
//    "moment": when the run first started, in local time, "options": {flag: value},
//    "paths": {flag: the place that it names}, "settled": {name: what "auto" means},
//    "inputs": {name: hash}, "input_files": {input: {file: hash}}, "throughput": {name: number},
//    "memory": {"budget": {part: bytes}, "peak": bytes},
//    "earlier": [{"started", "finished", "seconds", "status"} of each earlier start in the folder],
//    "files": what was written that a later start may replace}
// A start that is refused leaves the record as it was.
class RunRecord {
 public:
  // Writes status "running". Throws UserError when `out` holds results of another command or of
  // other options (it lists them old -> new), and results without a run.json. A folder without
  // results (of a run that failed before its first one) may be used anew. Clears what killed
  // writers left. Only while OutputLock holds `out`.
  explicit RunRecord(RunInfo info);
  // Unless finish() was reached, writes status "stopped" (a signal asked for it, and the same
  // command goes on) or "failed"; never throws. In a forked child it does nothing.
  ~RunRecord();
  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;

  // True when the folder holds results of an earlier run of the same options.
  bool resumed() const { return resumed_; }

  // When the run first started. What depends on the time of day takes it from here.
  Moment moment() const { return moment_; }

  // `hash` of a file (sha256_file) or a checkpoint (fingerprint). Throws UserError when going on
  // with a changed one. What an earlier start has recorded stays until the same is given again.
  // `older_hash`: how an older version would have hashed the same; empty: no differently.
  void add_input(const std::string& name,
                 const std::string& hash,
                 const std::string& older_hash = "");
  // The files of a folder, by name; also one that has come or gone is a change.
  void add_input_folder(const std::string& folder,
                        const std::map<std::string, std::string>& hashes);
  // What the flags under `name` of RunRules::settled mean in this run. Throws as add_input().
  void settle(const std::string& name, const Json& meaning);
  // Recorded among the inputs, but may be another one when the run goes on: the address of a
  // server, which moves from node to node.
  void note_input(const std::string& name, const std::string& value);
  void set_device(const std::string& device);
  // With what it computes there: compute_path().
  void set_compute(const std::string& path);
  // "tokens_per_second". Not called when an earlier start had done all the work: its figures are
  // then kept.
  void set_throughput(const std::string& name, double value);

  // What the run was to take, part by part, and the most that it took; bytes. The same rule.
  void set_memory(const Json& budget, int64_t peak);

  // What an earlier start has told by set_own_files(); an empty list when none has.
  Json own_files() const { return record_.at("files"); }
  void set_own_files(const Json& files);

  // Status "done" with the time it took.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void write(const std::string& status);
  void read_earlier();
  void check_options() const;
  // Puts the record back that was found, and throws UserError.
  [[noreturn]] void refuse(const std::string& what);

  RunInfo info_;
  Json earlier_;  // the run.json found; null when there was none
  Moment moment_ = Moment::now();
  bool resumed_ = false;
  bool finished_ = false;
  int64_t process_ = 0;
  Clock::time_point start_ = Clock::now();
  Json record_ = Json::object();
};

}  // namespace retmask
