#pragma once
// The tasks of a run: what was asked for, and what the data folder has.

#include <string>
#include <vector>

#include "helmet_data.h"
#include "helmet_task.h"
#include "retmask/eval/helmet_suite.h"

namespace retmask::eval::helmet {

// A value of --tasks: NAME[:TEST FILE[:FILE OF DEMONSTRATIONS]].
struct TaskRequest {
  DatasetName name = {};
  std::string test_file = {};  // empty: HELMET's
  std::string demo_file = {};
};

// Throws UserError that lists the names.
TaskRequest parse_task_request(const std::string& text);

struct ResolvedTasks {
  std::vector<Task> tasks = {};  // by length
  Json left_out = Json::array();
};

// If a data set has none of HELMET's files of any length (test_..._k50_...), files of other sizes
// take their place: of each kind ("k3a", "k5a"; "k3b", "k5b") the largest, with the smallest as
// demonstrations if HELMET's are not there. A missing file of a task of --tasks is reported by
// whoever reads it; other tasks are left out with a warning. Throws UserError if nothing remains.
ResolvedTasks resolve_tasks(const HelmetOptions& options,
                            const DataFolder& data,
                            const std::vector<int64_t>& lengths);

}  // namespace retmask::eval::helmet
