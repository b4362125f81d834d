// Result files that HELMET's own code wrote.

#include <algorithm>

#include "helmet_data.h"
#include "helmet_metrics.h"
#include "helmet_task.h"
#include "metrics.h"
#include "retmask/base/error.h"
#include "retmask/eval/helmet_files.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

std::vector<std::string> flat_texts(const Json& gold, const std::string& where) {
  if (gold.is_string()) return {gold.get<std::string>()};
  std::vector<std::string> texts;
  if (!gold.is_array()) user_error(where, ": \"answer\" is neither a text nor a list");
  for (const Json& one : gold) {
    for (std::string& text : flat_texts(one, where)) texts.push_back(std::move(text));
  }
  return texts;
}

// What the metric of the task needs of an item beside its answer.
void add_metric_fields(const helmet::Task& task, const helmet::DataRow& item, Json& row) {
  if (task.text("family") == "msmarco") {
    row["labels"] = Json::object();
    for (const helmet::DataRow& passage : item.objects("ctxs")) {
      row["labels"][passage.key_text("id")] = passage.integer("label");
    }
  }
  if (task.text("family") == "alce") {
    row["answers"] = Json::array();
    if (task.base == "alce_qampari") {
      row["answers"] = json_get<Json>(item.fields, "answers", item.where);
    } else {
      for (const helmet::DataRow& pair : item.objects("qa_pairs")) {
        row["answers"].push_back(pair.texts("short_answers"));
      }
    }
    if (item.has("docs")) row["docs"] = item.fields["docs"];
  }
  if (item.has("summary/long")) row["expert_summary"] = item.text("summary/long");
}

// Scores of judges and NLI beside the answer, as our own files have them.
void add_judged_metrics(const helmet::DataRow& item, Json& row) {
  for (const auto& [name, value] : item.fields.items()) {
    if (helmet::is_judged(name) && value.is_number()) row["metrics"][name] = value;
  }
}

void append_rows(const fs::path& path, std::vector<Json>& rows) {
  const Json file = read_json_file(path, "result of HELMET");
  const std::string where = path.string();
  const auto args = json_get<Json>(file, "args", where);
  const auto dataset = json_get<std::string>(args, "datasets", where + ": args");
  const auto length = json_get<int64_t>(args, "input_max_length", where + ": args");
  const auto name = helmet::parse_dataset_name(dataset);
  if (!name) user_error(where, ": the data set \"", dataset, "\" is none of suite helmet");
  const helmet::Task task = helmet::make_task(*name, length);
  const auto data = json_get<Json>(file, "data", where);
  for (size_t i = 0; i < data.size(); ++i) {
    const helmet::DataRow item{data[i], detail::concat(where, ": data[", i, "]")};
    Json row = {{"id", detail::concat(dataset, "-", length, "-", i)},
                {"task", dataset},
                {"length", length},
                {"category", task.text("category")},
                {"key", item.has("id") ? item.key_text("id") : ""},
                {"question", item.has("question") ? item.text("question") : ""},
                {"chat", json_get_or(args, "use_chat_template", false, where)}};
    add_metric_fields(task, item, row);
    row["prompt_tokens"] = item.fields.value("input_len", Json());
    row["answer"] = item.text("output");  // it has the start of the answer already
    row["references"] = flat_texts(json_get<Json>(item.fields, "answer", item.where), item.where);
    row["metric"] = task.style().at("metric");
    add_judged_metrics(item, row);
    score_row(row, item.where);
    rows.push_back(std::move(row));
  }
}

bool is_result_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".json") && !name.ends_with("-gpt4eval_o.json") &&
         name.find("_in") != std::string::npos;
}

}  // namespace

std::vector<fs::path> find_helmet_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (is_result_file(entry.path())) files.push_back(entry.path());
  }
  if (files.empty()) {
    user_error(path, " has neither predictions.jsonl nor result files of HELMET (…_in8192_….json)");
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Json> read_helmet_files(const fs::path& path) {
  std::vector<Json> rows;
  for (const fs::path& file : find_helmet_files(path)) append_rows(file, rows);
  return rows;
}

}  // namespace retmask::eval
