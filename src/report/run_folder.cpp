#include "run_folder.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

fs::path without_slash(const fs::path& dir) { return dir.has_filename() ? dir : dir.parent_path(); }

RunFolder open_run(const fs::path& dir) {
  const fs::path record = dir / "run.json";
  std::error_code error;
  if (!fs::is_regular_file(record, error)) {
    user_error(dir,
               " is not the folder of a run: it has no run.json; give the --out folders of retmask "
               "commands");
  }
  RunFolder run{
      .dir = dir, .name = without_slash(dir).filename().string(), .command = {}, .record = {}};
  run.record = read_json_file(record, "run record");
  run.command = json_get<std::string>(run.record, "command", record.string());
  return run;
}

}  // namespace

Json RunFolder::read(const std::string& file) const {
  return read_json_file(dir / file, "the " + command + " run's file");
}

std::vector<Json> RunFolder::read_lines(const std::string& file) const {
  return read_json_lines(dir / file, "the " + command + " run's file");
}

void RunFolder::for_each_line(const std::string& file,
                              const std::function<void(const Json&, int64_t)>& visit) const {
  for_each_json_line(dir / file, "the " + command + " run's file", visit);
}

RunFolders open_runs(const std::vector<fs::path>& dirs) {
  RunFolders runs;
  for (const fs::path& dir : dirs) {
    stop_point();
    RunFolder run = open_run(dir);
    if (run.command == "report") {  // e.g. the report of these runs: --runs out/*
      log::info(dir.string() + " is a report itself and is skipped");
    } else {
      runs.push_back(std::move(run));
    }
  }
  if (runs.empty() && !dirs.empty()) {
    user_error(dirs.front(), " is a report itself; give the --out folders of the other commands");
  }
  for (RunFolder& run : runs) {
    const auto same = std::count_if(runs.begin(), runs.end(), [&](const RunFolder& other) {
      return without_slash(other.dir).filename() == without_slash(run.dir).filename();
    });
    if (same > 1) run.name = run.dir.string();
  }
  return runs;
}

RunFolders runs_of(const RunFolders& runs, const std::string& command) {
  RunFolders some;
  std::copy_if(runs.begin(), runs.end(), std::back_inserter(some), [&](const RunFolder& run) {
    return run.command == command;
  });
  return some;
}

bool is_comparison(const RunFolder& run) {
  std::error_code error;
  return fs::exists(run.dir / "compare.json", error);
}

std::string suite_of(const RunFolder& run) {
  const Json options = json_get<Json>(run.record, "options", run.where("run.json"));
  return json_get<std::string>(options, "suite", run.where("run.json"));
}

}  // namespace retmask
