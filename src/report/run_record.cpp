#include "retmask/report/run_record.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "result_files.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"
#include "retmask/report/version.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

constexpr char kFileName[] = "run.json";

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// The object under `key`; empty if the record was written by an older version without it.
Json part_of(const Json& record, const std::string& key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_object() ? *found : Json::object();
}

std::string shown(const Json& value) { return value.is_null() ? "unset" : value.dump(); }

bool is_unset(const Json& value) { return value.is_null() || value.empty() || value == false; }

Json value_or(const Json& object, const std::string& key, const Json& fallback) {
  const auto found = object.find(key);
  return found == object.end() ? fallback : *found;
}

Json place_of(const Json& value) {
  if (value.is_array()) {
    Json places = Json::array();
    for (const Json& item : value) places.push_back(place_of(item));
    return places;
  }
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) return nullptr;
  const fs::path path = value.get<std::string>();
  if (descriptor_of(path)) return "/dev/stdin";  // the number differs each time
  std::error_code error;
  fs::path place = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) return path.string();
  if (place.filename().empty()) place = place.parent_path();
  return place.string();
}

Json places_of(const Json& options, const RunRules& rules) {
  Json places = Json::object();
  for (const InputFlag& input : rules.inputs) {
    const Json value = value_or(options, input.flag, nullptr);
    if (!is_unset(value)) places[input.flag] = place_of(value);
  }
  return places;
}

// Compares a resumed run with the record of its earlier start.
class Comparison {
 public:
  Comparison(const Json& earlier, const RunInfo& info) : earlier_(earlier), info_(info) {}

  // "depths 5 -> 10, seed 0 -> 1"; empty if equivalent.
  std::string differences() const {
    const Json before = part_of(earlier_, "options");
    Json all = before;
    all.update(info_.options);
    std::string list;
    for (const auto& [flag, ignored] : all.items()) {
      const Json fallback = value_or(info_.defaults, flag, nullptr);
      const Json then = value_or(before, flag, fallback);
      const Json now = value_or(info_.options, flag, fallback);
      if (then == now || (is_unset(then) && is_unset(now))) continue;
      if (is_ignored(flag) || is_settled(flag) || is_same_input(flag, then, now)) continue;
      list += (list.empty() ? "" : ", ") + flag + " " + shown(then) + " -> " + shown(now);
    }
    return list;
  }

 private:
  bool is_ignored(const std::string& flag) const {
    const auto& ignored = info_.rules.ignored;
    return std::find(ignored.begin(), ignored.end(), flag) != ignored.end();
  }

  bool is_settled(const std::string& flag) const {
    const Json settled = part_of(earlier_, "settled");
    return std::any_of(
        info_.rules.settled.begin(), info_.rules.settled.end(), [&](const auto& entry) {
          return entry.first == flag && settled.contains(entry.second);
        });
  }

  bool is_same_input(const std::string& flag, const Json& then, const Json& now) const {
    const auto& inputs = info_.rules.inputs;
    const auto found = std::find_if(
        inputs.begin(), inputs.end(), [&](const InputFlag& input) { return input.flag == flag; });
    if (found == inputs.end()) return false;
    const bool both_given = !is_unset(then) && !is_unset(now);
    if (!both_given && !found->has_default) return false;
    if (part_of(earlier_, "inputs").contains(found->input)) return true;  // add_input() looks
    const Json place = value_or(part_of(earlier_, "paths"), flag, place_of(then));
    return both_given && place == place_of(now);
  }

  const Json& earlier_;
  const RunInfo& info_;
};

// The time of the very first start.
std::optional<Moment> moment_of(const Json& record) {
  const Json moment = value_or(record, "moment", nullptr);
  if (moment.is_string()) return Moment::parse(moment.get<std::string>());
  // An older version rendered templates with the time of each start.
  Json first = record;
  const Json starts = value_or(record, "earlier", nullptr);
  if (starts.is_array() && !starts.empty()) first = starts.front();
  const Json started = first.is_object() ? value_or(first, "started", nullptr) : Json();
  return started.is_string() ? Moment::parse_utc(started.get<std::string>()) : std::nullopt;
}

Json earlier_starts(const Json& earlier) {
  Json starts = earlier.value("earlier", Json::array());
  Json last = Json::object();
  for (const char* key : {"started", "finished", "seconds", "status"}) {
    if (earlier.contains(key)) last[key] = earlier[key];
  }
  starts.push_back(std::move(last));
  return starts;
}

}  // namespace

bool names_same_places(const Json& a, const Json& b) { return place_of(a) == place_of(b); }

RunRecord::RunRecord(RunInfo info) : info_(std::move(info)), process_(::getpid()) {
  remove_leftovers_of_runs(info_.out);
  read_earlier();
  if (resumed_) check_options();
  const auto kept = [&](const char* key) {
    return resumed_ ? part_of(earlier_, key) : Json::object();
  };
  const auto earlier_moment = resumed_ ? moment_of(earlier_) : std::nullopt;
  moment_ = earlier_moment.value_or(info_.moment.value_or(moment_));
  record_ = {{"command", info_.command},
             {"version", version()},
             {"git", git_revision()},
             {"status", "running"},
             {"started", utc_now()},
             {"finished", nullptr},
             {"seconds", nullptr},
             {"moment", moment_.text()},
             {"device", nullptr},
             {"compute", resumed_ ? value_or(earlier_, "compute", Json()) : Json()},
             {"threads", info_.threads},
             {"options", info_.options},
             {"paths", places_of(info_.options, info_.rules)},
             {"settled", kept("settled")},
             {"inputs", kept("inputs")},
             {"input_files", kept("input_files")},
             {"throughput", kept("throughput")},
             {"timing", kept("timing")},
             {"memory", kept("memory")},
             {"use", kept("use")},
             {"earlier", resumed_ ? earlier_starts(earlier_) : Json::array()},
             // Kept even for a run that produced no other results.
             {"files", value_or(earlier_, "files", Json::array())}};
  write("running");
}

void RunRecord::read_earlier() {
  earlier_ = Json::object();
  const fs::path path = info_.out / kFileName;
  const fs::path result = first_result_file(info_.out, info_.command);
  if (!fs::exists(path)) {
    if (result.empty()) return;
    user_error(info_.out,
               " holds ",
               result.filename(),
               ", but no ",
               kFileName,
               " that records how it was made; give another --out, or move that file away");
  }
  try {
    earlier_ = read_json_file(path, "run record");
    if (!earlier_.is_object()) user_error(path, " is not a run record");
  } catch (const UserError&) {
    if (holds_other_files(info_.out)) throw;
    earlier_ = Json::object();
    return;
  }
  const auto command = json_get<std::string>(earlier_, "command", path.string());
  const bool is_done = value_or(earlier_, "status", nullptr) == "done";
  resumed_ = holds_results(info_.out, command) || (is_done && holds_other_files(info_.out));
}

void RunRecord::check_options() const {
  const std::string where = (info_.out / kFileName).string();
  const std::string advice =
      "; give another --out, or remove " + info_.out.string() + " to start over";
  const auto command = json_get<std::string>(earlier_, "command", where);
  if (command != info_.command) {
    user_error(
        info_.out, " holds the results of retmask ", command, ", not of ", info_.command, advice);
  }
  json_get<Json>(earlier_, "options", where);
  const std::string changed = Comparison(earlier_, info_).differences();
  if (!changed.empty()) {
    user_error(info_.out, " holds the results of a run with other options: ", changed, advice);
  }
}

void RunRecord::refuse(const std::string& what) {
  finished_ = true;
  write_json_file(info_.out / kFileName, earlier_);
  user_error(what,
             " since the run in ",
             info_.out,
             " was started; give another --out, or remove that folder to start over");
}

RunRecord::~RunRecord() {
  if (finished_ || process_ != ::getpid()) return;
  try {
    write(stop_was_granted() ? "stopped" : "failed");
  } catch (const std::exception& error) {
    log::warn(error.what());  // the exception in flight is the one to report
  }
}

void RunRecord::add_input(const std::string& name,
                          const std::string& hash,
                          const std::string& older_hash) {
  if (resumed_) {
    const Json before = value_or(part_of(earlier_, "inputs"), name, hash);
    if (before != hash && (older_hash.empty() || before != older_hash)) {
      refuse("the input " + name + " has changed");
    }
  }
  record_["inputs"][name] = hash;
  write("running");
}

void RunRecord::add_input_folder(const std::string& folder,
                                 const std::map<std::string, std::string>& hashes) {
  const Json before = resumed_ ? part_of(part_of(earlier_, "input_files"), folder) : Json::object();
  Json now = Json::object();
  for (const auto& [name, hash] : hashes) now[name] = hash;
  if (!before.empty()) {  // an older version recorded none
    Json all = before;
    all.update(now);
    for (const auto& [name, hash] : all.items()) {
      const std::string input = "the input " + folder + "/" + name;
      if (!now.contains(name)) refuse(input + " was removed");
      if (!before.contains(name)) refuse(input + " was added");
      if (now[name] != before[name]) refuse(input + " has changed");
    }
  }
  record_["input_files"][folder] = now;
  write("running");
}

void RunRecord::settle(const std::string& name, const Json& meaning) {
  if (resumed_) {
    const Json before = value_or(part_of(earlier_, "settled"), name, meaning);
    if (before != meaning) {
      refuse("the meaning of " + name + " has changed from " + shown(before) + " to " +
             shown(meaning));
    }
  }
  record_["settled"][name] = meaning;
  write("running");
}

void RunRecord::note_input(const std::string& name, const std::string& value) {
  record_["inputs"][name] = value;
  write("running");
}

void RunRecord::set_compute(const std::string& path) { record_["compute"] = path; }

void RunRecord::set_device(const std::string& device) { record_["device"] = device; }

void RunRecord::set_throughput(const std::string& name, double value) {
  record_["throughput"][name] = value;
}

void RunRecord::set_use(const std::string& server, const Json& counts) {
  record_["use"][server] = counts;
}

void RunRecord::set_memory(const Json& budget, int64_t peak) {
  record_["memory"] = {{"budget", budget}, {"peak", peak}};
}

void RunRecord::set_own_files(const Json& files) {
  record_["files"] = files;
  write("running");
}

void RunRecord::finish() {
  write("done");
  finished_ = true;
}

void RunRecord::write(const std::string& status) {
  record_["status"] = status;
  if (status != "running") {
    record_["finished"] = utc_now();
    record_["seconds"] = std::chrono::duration<double>(Clock::now() - start_).count();
  }
  write_json_file(info_.out / kFileName, record_);
}

}  // namespace retmask
