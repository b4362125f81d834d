#include "retmask/eval/helmet_files.h"

#include <algorithm>
#include <map>

#include "helmet_data.h"
#include "helmet_metrics.h"
#include "helmet_task.h"
#include "metrics.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

constexpr const char* kJudgedEnd = "-gpt4eval_o.json";

helmet::Task task_of_row(const Json& row) {
  const auto name = helmet::parse_dataset_name(row.at("task").get<std::string>());
  RETMASK_CHECK(name, row.at("task"));
  helmet::Task task = helmet::make_task(*name, row.at("length").get<int64_t>());
  task.test_file = row.value("data_file", task.test_file);
  return task;
}

// Data of the hub have no file in HELMET's configurations.
std::string test_name(const helmet::Task& task) {
  return task.settings().contains("hub") ? "" : fs::path(task.test_file).stem().string();
}

// The fields of HELMET's items that its scripts read, from ours.
Json item_of(const Json& row) {
  const helmet::Task task = task_of_row(row);
  const auto references = row.at("references").get<std::vector<std::string>>();
  const std::string& family = task.text("family");
  const bool is_text = family == "json_kv" || family == "icl" || family == "msmarco" ||
                       family == "multi_lexsum" || family == "alce";
  Json item = {{"id", row.value("key", "")},
               {"question", row.value("question", "")},
               {"answer", is_text ? Json(references.front()) : Json(references)}};
  if (task.base == "alce_asqa") {
    item["qa_pairs"] = Json::array();
    for (const Json& forms : row.at("answers"))
      item["qa_pairs"].push_back({{"short_answers", forms}});
  }
  if (task.base == "alce_qampari") item["answers"] = row.at("answers");
  if (row.contains("labels")) {
    item["ctxs"] = Json::array();
    for (const auto& [id, label] : row["labels"].items()) {
      item["ctxs"].push_back({{"id", id}, {"label", label}});
    }
  }
  if (row.contains("expert_summary")) item["summary/long"] = row["expert_summary"];
  item["output"] = helmet::scored_output(row);
  item["input_len"] = row.value("prompt_tokens", 0);
  if (row.contains("parsed")) item["parsed_output"] = row["parsed"];
  item.update(row.at("metrics"));
  return item;
}

Json averages_of(const std::map<std::string, std::vector<double>>& metrics) {
  Json averages = Json::object();
  for (const auto& [name, values] : metrics) {
    double sum = 0.0;
    for (const double value : values) sum += value;
    averages[name] = helmet::reported_mean(name, sum / static_cast<double>(values.size()));
  }
  return averages;
}

void write_helmet_file(const fs::path& path, const std::vector<const Json*>& rows, Json args) {
  Json data = Json::array();
  std::map<std::string, std::vector<double>> metrics;
  for (const Json* row : rows) {
    if (row->contains("error")) continue;  // HELMET leaves out what has no output
    data.push_back(item_of(*row));
    for (const auto& [name, value] : row->at("metrics").items()) {
      metrics[name].push_back(value.get<double>());
    }
  }
  const Json averages = averages_of(metrics);
  const Json file = {{"args", std::move(args)},
                     {"data", std::move(data)},
                     {"metrics", metrics},
                     {"averaged_metrics", averages}};
  write_json_file(path, file);
  const bool is_judged = std::any_of(metrics.begin(), metrics.end(), [](const auto& one) {
    return one.first.starts_with("gpt-4");
  });
  if (is_judged) {
    fs::path judged = path;
    judged.replace_extension("");
    write_json_file(judged.string() + kJudgedEnd, file);
  }
  write_json_file(path.string() + ".score", averages);
}

}  // namespace

std::string helmet_file_name(const Json& row, const HelmetFileOptions& options) {
  const helmet::Task task = task_of_row(row);
  return detail::concat(task.dataset,
                        "_",
                        options.tag,
                        "_",
                        test_name(task),
                        "_in",
                        task.length,
                        "_size",
                        options.max_samples >= 0 ? options.max_samples : task.max_samples,
                        "_shots",
                        options.shots >= 0 ? options.shots : task.shots,
                        "_sampFalsemax",
                        task.max_new_tokens(),
                        "min0t0.0p1.0_chat",
                        row.value("chat", false) ? "True" : "False",
                        "_",
                        options.seed,
                        ".json");
}

void write_helmet_files(const fs::path& folder,
                        const std::vector<Json>& rows,
                        const HelmetFileOptions& options) {
  std::map<std::string, std::vector<const Json*>> files;
  for (const Json& row : rows) files[helmet_file_name(row, options)].push_back(&row);
  make_output_dir(folder);
  for (const auto& [name, own] : files) {
    const helmet::Task task = task_of_row(*own.front());
    write_helmet_file(folder / name,
                      own,
                      {{"datasets", task.dataset},
                       {"test_files", task.settings().contains("hub") ? "" : task.test_file},
                       {"input_max_length", task.length},
                       {"generation_max_length", task.max_new_tokens()},
                       {"use_chat_template", own.front()->value("chat", false)},
                       {"tag", options.tag},
                       {"seed", options.seed}});
  }
}

}  // namespace retmask::eval
