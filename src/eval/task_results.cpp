#include "retmask/eval/task_results.h"

#include <algorithm>

#include "metrics.h"
#include "retmask/base/error.h"

namespace retmask::eval {
namespace {

// Rows that agree in some fields, counted.
struct ScoreGroup {
  Json key = Json::object();
  double sum = 0.0;
  int64_t answered = 0;
  int64_t total = 0;

  Json score() const { return answered == 0 ? Json() : Json(sum / static_cast<double>(answered)); }
};

// Groups in order of first occurrence; fields that a row lacks are left out of its key.
std::vector<ScoreGroup> group_by(const std::vector<std::string>& fields,
                                 const std::vector<Json>& rows) {
  std::vector<ScoreGroup> groups;
  for (const Json& row : rows) {
    Json key = Json::object();
    for (const std::string& field : fields) {
      if (row.contains(field)) key[field] = row[field];
    }
    auto group = std::find_if(
        groups.begin(), groups.end(), [&](const ScoreGroup& other) { return other.key == key; });
    if (group == groups.end()) group = groups.insert(groups.end(), {.key = key});
    ++group->total;
    const Json score = row.value("score", Json());
    if (!score.is_number()) continue;
    ++group->answered;
    group->sum += score.get<double>();
  }
  return groups;
}

Json to_json(const std::vector<ScoreGroup>& groups) {
  Json list = Json::array();
  for (const ScoreGroup& group : groups) {
    Json entry = group.key;
    entry["score"] = group.score();
    entry["total"] = group.total;
    entry["errors"] = group.total - group.answered;
    list.push_back(std::move(entry));
  }
  return list;
}

// Means over the tasks of each length.
Json by_length(const Json& tasks) {
  std::vector<Json> lengths;
  for (const Json& task : tasks) {
    if (!task.contains("length")) continue;
    if (std::find(lengths.begin(), lengths.end(), task["length"]) == lengths.end()) {
      lengths.push_back(task["length"]);
    }
  }
  Json list = Json::array();
  for (const Json& length : lengths) {
    double sum = 0.0;
    int64_t count = 0;
    bool complete = true;
    for (const Json& task : tasks) {
      if (!task.contains("length") || task["length"] != length) continue;
      complete = complete && !task["score"].is_null();
      if (complete) sum += task["score"].get<double>();
      ++count;
    }
    list.push_back({{"length", length},
                    {"score", complete ? Json(sum / static_cast<double>(count)) : Json()},
                    {"tasks", count}});
  }
  return list;
}

}  // namespace

Json task_results_json(const std::string& suite, const std::vector<Json>& rows) {
  const Json tasks = to_json(group_by({"task", "length"}, rows));
  Json results = {{"suite", suite}, {"tasks", tasks}, {"by_length", by_length(tasks)}};
  const bool has_depths =
      std::any_of(rows.begin(), rows.end(), [](const Json& row) { return row.contains("depth"); });
  if (has_depths) results["by_depth"] = to_json(group_by({"task", "length", "depth"}, rows));
  int64_t errors = 0;
  for (const Json& task : tasks) errors += task["errors"].get<int64_t>();
  results["errors"] = errors;
  return results;
}

void EarlierRows::check(const Json& row, const std::string& where) {
  const Json length = row.value("length", Json());
  if (!length.is_null() && !length.is_number_integer()) {
    user_error(where, ": \"length\" is ", length.dump(), ", expected a whole number");
  }
  if (!row.contains("id")) return;
  const std::string sample =
      detail::concat(row["id"].dump(), " of ", row.value("task", Json()).dump());
  if (!seen_.insert(sample + " " + length.dump()).second) {
    user_error(where, ": the sample ", sample, " comes again; each counts once");
  }
}

std::vector<Json> rescored_rows(const std::filesystem::path& predictions) {
  std::vector<Json> rows;
  EarlierRows earlier;
  for_each_json_line(predictions, "file of answers", [&](const Json& row, int64_t line) {
    const std::string where = predictions.string() + ":" + std::to_string(line);
    if (!row.is_object())
      user_error(where, ": expected an object, found ", row.dump().substr(0, 80));
    earlier.check(row, where);
    rows.push_back(row);
    if (!row.contains("error")) score_row(rows.back(), where);
  });
  if (rows.empty()) user_error("the file of answers ", predictions, " is empty");
  return rows;
}

}  // namespace retmask::eval
