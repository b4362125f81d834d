// Rows that HELMET's loaders have processed already: chosen, with demonstrations, and cut.

#include "helmet_example.h"
#include "retmask/base/error.h"

namespace retmask::eval::helmet {
namespace {

// HELMET's names for the text of the demonstrations.
constexpr const char* kDemos[] = {"demos", "demo", "demo_text"};

// Of any task.
const std::vector<std::string> kFields = {"context",
                                          "demos",
                                          "question",
                                          "answer",
                                          "demo",
                                          "demo_text",
                                          "id",
                                          "type_needle_v",
                                          "options",
                                          "instruction",
                                          "ctxs",
                                          "qa_pairs",
                                          "answers",
                                          "docs",
                                          "summary/long"};

const Json* demos_of(const Json& row) {
  for (const char* name : kDemos) {
    const auto found = row.find(name);
    if (found != row.end() && found->is_string()) return &*found;
  }
  return nullptr;
}

bool has_texts(const Json& row) {
  return row.is_object() && row.contains("context") && demos_of(row) != nullptr;
}

// What the metrics need beside the answer.
Json extra_of(const Task& task, const DataRow& row, size_t index) {
  Json extra = Json::object();
  const std::string family = task.text("family");
  if (family == "msmarco") {
    extra["labels"] = Json::object();
    for (const DataRow& passage : row.objects("ctxs")) {
      extra["labels"][passage.key_text("id")] = passage.integer("label");
    }
  }
  if (family == "alce") extra = alce_extra(task, row, index);
  if (row.has("summary/long")) extra["expert_summary"] = row.text("summary/long");
  return extra;
}

}  // namespace

bool is_prepared(const DataFolder& data, const std::string& file) {
  const auto path = data.find(file);
  return path && has_texts(data.first_row(*path, {"context", "demos", "demo", "demo_text"}));
}

std::vector<Example> load_prepared(const ExampleRequest& request) {
  std::vector<Example> examples;
  for (const DataRow& row : request.test_rows(kFields)) {
    const size_t index = examples.size();
    if (request.task.max_samples > 0 && index == static_cast<size_t>(request.task.max_samples))
      break;
    Example example{.key = row.has("id") ? row.key_text("id") : std::to_string(index)};
    for (const auto& [name, value] : row.fields.items()) {
      if (value.is_string()) example.fields[name] = value;
    }
    if (!has_texts(row.fields)) {
      user_error(
          row.where,
          ": the first row is prepared, but this one has no \"context\" and \"demos\" as texts");
    }
    example.fields["demos"] = *demos_of(row.fields);
    if (!row.has("question")) example.fields["question"] = "";
    example.fields["label"] = "{label}";  // stands as it is in ICL's instruction
    example.gold = json_get<Json>(row.fields, "answer", row.where);
    example.extra = extra_of(request.task, row, index);
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace retmask::eval::helmet
