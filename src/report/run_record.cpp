#include "retmask/report/run_record.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

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

bool holds_results(const fs::path& dir) {
  return std::any_of(
      fs::directory_iterator(dir), fs::directory_iterator(), [](const fs::directory_entry& entry) {
        return entry.path().filename() != kFileName;
      });
}

std::string shown(const Json& options, const std::string& key) {
  const auto found = options.find(key);
  return found == options.end() || found->is_null() ? "unset" : found->dump();
}

// "depths 5 -> 10, seed 0 -> 1"; empty when equal but for the ignored ones.
std::string differences(const Json& before,
                        const Json& now,
                        const std::vector<std::string>& ignored) {
  Json all = before;
  all.update(now);
  std::string list;
  for (const auto& [key, value] : all.items()) {
    const bool counts = std::find(ignored.begin(), ignored.end(), key) == ignored.end();
    if (!counts || shown(before, key) == shown(now, key)) continue;
    list += (list.empty() ? "" : ", ") + key + " " + shown(before, key) + " -> " + shown(now, key);
  }
  return list;
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

RunRecord::RunRecord(RunInfo info) : info_(std::move(info)), process_(::getpid()) {
  const fs::path path = info_.out / kFileName;
  if (fs::exists(path) && holds_results(info_.out)) {
    earlier_ = read_json_file(path, "run record");
    const std::string where = path.string();
    const std::string advice =
        "; give another --out, or remove " + info_.out.string() + " to start anew";
    const auto command = json_get<std::string>(earlier_, "command", where);
    if (command != info_.command) {
      user_error(
          info_.out, " holds the results of retmask ", command, ", not of ", info_.command, advice);
    }
    const std::string changed =
        differences(json_get<Json>(earlier_, "options", where), info_.options, info_.ignored);
    if (!changed.empty()) {
      user_error(info_.out, " holds the results of a run with other options: ", changed, advice);
    }
    resumed_ = true;
  }
  record_ = {
      {"command", info_.command},
      {"version", version()},
      {"git", git_revision()},
      {"status", "running"},
      {"started", utc_now()},
      {"finished", nullptr},
      {"seconds", nullptr},
      {"device", nullptr},
      {"threads", info_.threads},
      {"options", info_.options},
      {"inputs", Json::object()},
      {"throughput", resumed_ ? earlier_.value("throughput", Json::object()) : Json::object()},
      {"memory", resumed_ ? earlier_.value("memory", Json::object()) : Json::object()},
      {"earlier", resumed_ ? earlier_starts(earlier_) : Json::array()}};
  write("running");
}

RunRecord::~RunRecord() {
  if (finished_ || process_ != ::getpid()) return;
  try {
    write(stop_was_granted() ? "stopped" : "failed");
  } catch (const std::exception& error) {
    log::warn(error.what());  // the exception on its way is the one to report
  }
}

void RunRecord::add_input(const std::string& name, const std::string& hash) {
  if (resumed_) {
    const Json& inputs = earlier_.value("inputs", Json::object());
    if (inputs.contains(name) && inputs[name] != hash) {
      user_error("the input ",
                 name,
                 " has changed since the run in ",
                 info_.out,
                 " was started; give another --out, or remove that folder to start anew");
    }
  }
  record_["inputs"][name] = hash;
  write("running");
}

void RunRecord::note_input(const std::string& name, const std::string& value) {
  record_["inputs"][name] = value;
  write("running");
}

void RunRecord::set_device(const std::string& device) { record_["device"] = device; }

void RunRecord::set_throughput(const std::string& name, double value) {
  record_["throughput"][name] = value;
}

void RunRecord::set_memory(const Json& budget, int64_t peak) {
  record_["memory"] = {{"budget", budget}, {"peak", peak}};
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
