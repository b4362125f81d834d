#include "helmet_tasks.h"

#include <algorithm>
#include <set>

#include "builtin_data.h"
#include "helmet_example.h"
#include "helmet_variants.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace retmask::eval::helmet {
namespace {

std::string known_datasets() {
  std::string known;
  for (const auto& [base, settings] : datasets().items()) {
    known += (known.empty() ? "" : ", ") + base;
  }
  return known;
}

bool takes_category(const HelmetOptions& options, const std::string& category) {
  return options.categories.empty() ||
         std::find(options.categories.begin(), options.categories.end(), category) !=
             options.categories.end();
}

std::vector<TaskRequest> requests_of(const HelmetOptions& options) {
  std::vector<TaskRequest> requests;
  std::set<std::string> names;
  for (const std::string& text : options.tasks) {
    const std::string name = text.substr(0, text.find(':'));
    if (!names.insert(name).second) {
      user_error("--tasks holds ", name, " twice; evaluate its files in separate runs");
    }
    requests.push_back(parse_task_request(text));
  }
  if (!requests.empty()) return requests;
  for (const auto& [base, settings] : datasets().items()) {
    if (takes_category(options, settings.at("category"))) requests.push_back({.name = {base, {}}});
  }
  return requests;
}

// The missing file of a task; empty if it has all.
std::string missing_file(const Task& task, const DataFolder& data) {
  if (!task.test_file.empty() && !data.find(task.test_file)) return task.test_file;
  const bool has_demos = task.demo_file.empty() || data.find(task.demo_file);
  if (has_demos || is_prepared(data, task.test_file)) return "";
  return task.demo_file;
}

Task with_options(Task task, const HelmetOptions& options) {
  if (options.max_samples) task.max_samples = *options.max_samples;
  if (options.shots && task.text("family") != "icl") task.shots = *options.shots;
  task.seed = options.seed;
  return task;
}

// RULER's files have the length in their names, so there may be one of a length that is not in the
// table.
void take_file_of_length(const DataFolder& data, Task& task) {
  if (task.text("family") != "ruler") return;
  const std::string file =
      fill_template(task.text("test"), {{"size", std::to_string(task.length)}});
  if (data.find(file)) task.test_file = file;
}

// The task with HELMET's files, or with those of other sizes that are there.
std::vector<Task> tasks_of(const TaskRequest& request, const DataFolder& data, Task task) {
  if (!request.test_file.empty()) {
    task.test_file = request.test_file;
    if (!request.demo_file.empty()) task.demo_file = request.demo_file;
    return {task};
  }
  take_file_of_length(data, task);
  if (missing_file(task, data).empty()) return {task};
  std::vector<Task> tasks;
  for (const Variant& variant : find_variants(task, data)) {
    Task other = task;
    other.variant = variant.name;
    other.test_file = variant.test_file;
    if (!variant.demo_file.empty()) other.demo_file = variant.demo_file;
    log::warn(detail::concat("--data has no ",
                             task.test_file,
                             ": ",
                             task.dataset,
                             " of ",
                             task.length,
                             " tokens takes ",
                             other.test_file,
                             variant.demo_file.empty() ? "" : " with demonstrations of ",
                             variant.demo_file));
    tasks.push_back(other);
  }
  return tasks.empty() ? std::vector<Task>{task} : tasks;
}

}  // namespace

TaskRequest parse_task_request(const std::string& text) {
  TaskRequest request;
  const size_t first = text.find(':');
  const auto name = parse_dataset_name(text.substr(0, first));
  if (!name) {
    user_error("--tasks holds \"",
               text,
               "\", expected some of: ",
               known_datasets(),
               " (or HELMET's longer names, such as alce_asqa_30)");
  }
  request.name = *name;
  if (first == std::string::npos) return request;
  const size_t second = text.find(':', first + 1);
  request.test_file = text.substr(first + 1, second - first - 1);
  if (second != std::string::npos) request.demo_file = text.substr(second + 1);
  if (request.test_file.empty())
    user_error("--tasks holds \"", text, "\": no file behind the colon");
  return request;
}

ResolvedTasks resolve_tasks(const HelmetOptions& options,
                            const DataFolder& data,
                            const std::vector<int64_t>& lengths) {
  ResolvedTasks resolved;
  for (const int64_t length : lengths) {
    for (const TaskRequest& request : requests_of(options)) {
      for (const Task& task :
           tasks_of(request, data, with_options(make_task(request.name, length), options))) {
        const std::string missing = missing_file(task, data);
        if (missing.empty() || !options.tasks.empty()) {
          resolved.tasks.push_back(task);  // a missing file is reported with its fields
          continue;
        }
        const std::string reason = "no " + missing;
        log::warn(detail::concat(
            task.dataset, " at ", length, " tokens is left out: --data has ", reason));
        resolved.left_out.push_back(
            {{"task", task.dataset}, {"length", length}, {"reason", reason}});
      }
    }
  }
  if (resolved.tasks.empty()) {
    user_error("--data ",
               data.root(),
               " has no file of HELMET's for ",
               options.categories.empty() ? "any category" : "these categories",
               "; the first that is missing: ",
               resolved.left_out.front()["reason"].get<std::string>());
  }
  return resolved;
}

}  // namespace retmask::eval::helmet
