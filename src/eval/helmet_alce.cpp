// HELMET's Cite: ALCE's ASQA and QAMPARI (load_alce of data.py there).

#include "builtin_data.h"
#include "helmet_example.h"
#include "retmask/base/error.h"
#include "retmask/metrics/helmet_draws.h"

namespace retmask::eval::helmet {
namespace {

// The user's file of prompts: prompts/asqa_revised.json and prompts/qampari_revised.json there.
class PromptFile {
 public:
  explicit PromptFile(const ExampleRequest& request) {
    const auto path = request.data.find(request.task.demo_file);
    if (!path) {
      user_error("--data has no ",
                 request.data.root() / request.task.demo_file,
                 ": expected the prompts of HELMET's repository, with instruction, demo_prompt, "
                 "doc_prompt and demos");
    }
    file_ = {read_json_file(*path, "prompts of HELMET"), path->string()};
    demos_ = file_.objects("demos");
  }

  std::string instruction() const { return file_.text("instruction"); }
  size_t num_demos() const { return demos_.size(); }

  // The first `count` documents, numbered from 1.
  std::string documents(const std::vector<DataRow>& docs, size_t count) const {
    std::vector<std::string> texts;
    for (size_t i = 0; i < std::min(count, docs.size()); ++i) {
      texts.push_back(fill("doc_prompt",
                           {{"ID", std::to_string(i + 1)},
                            {"title", docs[i].text("title")},
                            {"text", docs[i].text("text")}}));
    }
    return joined(texts, "\n\n");
  }

  std::string demo(size_t number) const {
    const DataRow& demo = demos_.at(number);
    const std::vector<DataRow> docs = demo.objects("docs");
    return fill("demo_prompt",
                {{"instruction", instruction()},
                 {"question", demo.text("question")},
                 {"context", documents(docs, docs.size())},
                 {"answer", demo.text("answer")}});
  }

 private:
  std::string fill(const char* key, const Json& values) const {
    try {
      return fill_template(file_.text(key), values);
    } catch (const InternalError&) {
      user_error(file_.where,
                 ": \"",
                 key,
                 "\" has other fields in braces than ",
                 values.dump().substr(0, 200));
    }
  }

  DataRow file_;
  std::vector<DataRow> demos_;
};

}  // namespace

Json alce_extra(const Task& task, const DataRow& row, size_t index) {
  Json answers = Json::array();
  if (task.base == "alce_asqa") {
    for (const DataRow& pair : row.objects("qa_pairs"))
      answers.push_back(pair.texts("short_answers"));
  } else {
    for (const Json& forms : json_get<Json>(row.fields, "answers", row.where))
      answers.push_back(forms);
  }
  return {{"row", index}, {"answers", std::move(answers)}};
}

std::vector<Example> load_alce(const ExampleRequest& request) {
  const Task& task = request.task;
  const PromptFile prompts(request);
  if (prompts.num_demos() < static_cast<size_t>(task.shots)) {
    user_error(
        task.demo_file, " has ", prompts.num_demos(), " demos, fewer than --shots ", task.shots);
  }
  std::vector<std::string> fields = {"question", "docs", "answer"};
  fields.push_back(task.base == "alce_asqa" ? "qa_pairs" : "answers");
  const std::vector<DataRow> rows = request.test_rows(fields);
  // Drawn for all rows, before any is selected.
  const auto drawn = metrics::helmet_alce_demos(
      rows.size(), prompts.num_demos(), static_cast<uint64_t>(task.shots), task.seed);
  std::vector<Example> examples;
  for (const size_t i : shuffled_selection(task, rows.size())) {
    const DataRow& row = rows[i];
    std::string demos;
    for (const uint64_t demo : drawn[i]) demos += prompts.demo(demo) + "\n\n\n";
    const std::vector<DataRow> docs = row.objects("docs");
    examples.push_back(
        {.key = row.text("question"),
         .fields = {{"context", prompts.documents(docs, static_cast<size_t>(task.size))},
                    {"question", row.text("question")},
                    {"instruction", prompts.instruction()},
                    {"demos", demos}},
         .gold = row.fields.value("answer", Json()),
         .extra = alce_extra(task, row, i)});
  }
  return examples;
}

}  // namespace retmask::eval::helmet
