// HELMET's Recall: needles of RULER and JSON KV (load_ruler and load_json_kv of data.py there).

#include "builtin_data.h"
#include "helmet_example.h"
#include "retmask/base/error.h"

namespace retmask::eval::helmet {

std::vector<Example> load_ruler(const ExampleRequest& request) {
  const std::vector<DataRow> rows =
      request.test_rows({"context", "query", "type_needle_v", "answer", "outputs"});
  std::vector<Example> examples;
  for (const size_t i : shuffled_selection(request.task, rows.size())) {
    const DataRow& row = rows[i];
    const char* gold = row.has("answer") ? "answer" : "outputs";
    examples.push_back({.key = row.text("query"),
                        .fields = {{"context", row.text("context")},
                                   {"question", row.text("query")},
                                   {"type_needle_v", row.text("type_needle_v")}},
                        .gold = row.texts(gold)});
  }
  return examples;
}

std::vector<Example> load_json_kv(const ExampleRequest& request) {
  const std::vector<DataRow> rows = request.test_rows({"context", "question", "answer", "demos"});
  std::vector<Example> examples;
  for (const size_t i : shuffled_selection(request.task, rows.size())) {
    const DataRow& row = rows[i];
    const auto pairs =
        json_get<std::vector<std::pair<std::string, std::string>>>(row.fields, "demos", row.where);
    const auto shots = static_cast<size_t>(request.task.shots);
    if (pairs.size() < shots) {
      user_error(row.where, ": \"demos\" has ", pairs.size(), " pairs, fewer than --shots ", shots);
    }
    std::string demos;
    for (size_t shot = 0; shot < shots; ++shot) {
      demos += fill_template(request.style("demo"),
                             {{"key", pairs[shot].first}, {"value", pairs[shot].second}});
    }
    examples.push_back({.key = row.text("question"),
                        .fields = {{"context", row.text("context")},
                                   {"question", row.text("question")},
                                   {"demos", demos}},
                        .gold = row.text("answer")});
  }
  return examples;
}

}  // namespace retmask::eval::helmet
