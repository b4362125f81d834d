#pragma once
// The examples of HELMET's tasks before they are tokens. A family of tasks is a file
// helmet_<family>.cpp and a row of the table in helmet_examples.cpp.

#include <functional>
#include <string>
#include <vector>

#include "helmet_data.h"
#include "helmet_task.h"

namespace retmask::eval::helmet {

struct Example {
  std::string key = {};          // "id", "qid" or the question of its row
  Json fields = Json::object();  // texts of the templates: "context", "demos", "question", ...
  Json gold = {};                // a text, or a list of right ones
  Json extra = Json::object();   // further fields of its row in predictions.jsonl

  std::string text(const char* name) const { return fields.at(name).get<std::string>(); }
};

// What is asked, the start of the answer, and both as one prompt without a chat template.
std::string user_text(const Task& task, const Example& example);
std::string answer_start(const Task& task, const Example& example);
std::string prompt_text(const Task& task, const Example& example);

// The length of a text in tokens of Llama 2, and the text cut to some of them (Llama-2 rule).
struct LengthRule {
  std::function<int64_t(const std::string& text)> count_tokens = {};  // null: nothing is dropped
  std::function<std::string(const std::string& text, int64_t tokens)> cut = {};  // or cut
};

struct ExampleRequest {
  const Task& task;
  const DataFolder& data;
  const LengthRule& length_rule;

  std::vector<DataRow> test_rows(const std::vector<std::string>& fields) const;
  std::vector<DataRow> demo_rows(const std::vector<std::string>& fields) const;
  std::string source() const;  // where the files come from
  std::string style(const char* key) const { return task.style().at(key).get<std::string>(); }
  // Drops documents that are too short for the data set.
  bool is_long_enough(const std::string& context) const;
  std::string cut(const std::string& context) const;
};

// Examples of a task in the order and with the random draws of HELMET's loaders. Throws UserError.
std::vector<Example> load_examples(const ExampleRequest& request);

std::vector<Example> load_ruler(const ExampleRequest& request);
std::vector<Example> load_json_kv(const ExampleRequest& request);
std::vector<Example> load_kilt(const ExampleRequest& request);
std::vector<Example> load_msmarco(const ExampleRequest& request);
std::vector<Example> load_alce(const ExampleRequest& request);
std::vector<Example> load_icl(const ExampleRequest& request);
std::vector<Example> load_narrativeqa(const ExampleRequest& request);
std::vector<Example> load_infbench(const ExampleRequest& request);
std::vector<Example> load_multi_lexsum(const ExampleRequest& request);

// Rows that HELMET's loaders have processed already, as they are: {"context", "demos" (or "demo",
// "demo_text") as a text, "question", "answer", ...}.
bool is_prepared(const DataFolder& data, const std::string& file);
std::vector<Example> load_prepared(const ExampleRequest& request);

// What the metrics of ALCE need of a row: its number and the right answers.
Json alce_extra(const Task& task, const DataRow& row, size_t index);

// Indices of the first max_samples rows after a shuffle; all in order for max_samples 0.
std::vector<size_t> shuffled_selection(const Task& task, size_t rows);

std::string joined(const std::vector<std::string>& parts, const std::string& separator);

}  // namespace retmask::eval::helmet
