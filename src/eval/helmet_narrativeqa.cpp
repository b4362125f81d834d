// HELMET's LongQA: NarrativeQA (load_narrativeqa of data.py there).

#include "builtin_data.h"
#include "helmet_example.h"
#include "retmask/base/error.h"
#include "retmask/base/numpy_random.h"

namespace retmask::eval::helmet {
namespace {

DataRow part(const DataRow& row, const char* key) {
  return {json_get<Json>(row.fields, key, row.where), row.where + ": \"" + key + "\""};
}

std::vector<std::string> answer_texts(const DataRow& row) {
  std::vector<std::string> texts;
  for (const DataRow& answer : row.objects("answers")) texts.push_back(answer.text("text"));
  if (texts.empty()) user_error(row.where, ": \"answers\" is empty");
  return texts;
}

}  // namespace

std::vector<Example> load_narrativeqa(const ExampleRequest& request) {
  const Task& task = request.task;
  const std::vector<DataRow> rows = request.test_rows({"document", "question", "answers"});
  const std::vector<DataRow> train = request.demo_rows({"question", "answers"});
  const auto shots = static_cast<size_t>(task.shots);
  if (train.size() < shots) user_error(task.demo_file, " has fewer rows than --shots ", shots);
  UnseededShuffles shuffles(static_cast<uint32_t>(task.seed));
  std::vector<Example> examples;
  for (const uint64_t i : numpy_permutation(task.seed, rows.size())) {
    const DataRow& row = rows[i];
    const std::string context = part(row, "document").text("text");
    if (!request.is_long_enough(context)) continue;
    std::vector<std::string> demos;
    if (shots > 0) {
      const std::vector<uint64_t> order = numpy_permutation(shuffles.next_seed(), train.size());
      for (size_t shot = 0; shot < shots; ++shot) {
        const DataRow& demo = train[order[shot]];
        demos.push_back(fill_template(request.style("demo"),
                                      {{"question", part(demo, "question").text("text")},
                                       {"answer", answer_texts(demo).front()}}));
      }
    }
    if (task.max_samples > 0 && examples.size() == static_cast<size_t>(task.max_samples)) break;
    const std::string question = part(row, "question").text("text");
    examples.push_back(
        {.key = question,
         .fields = {{"context", request.cut(context)},
                    {"question", question},
                    {"demos",
                     demos.empty() ? ""
                                   : fill_template(request.style("demos"),
                                                   {{"demos", joined(demos, "\n\n")}})}},
         .gold = answer_texts(row)});
  }
  return examples;
}

}  // namespace retmask::eval::helmet
