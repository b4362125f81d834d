// HELMET's RAG: questions with retrieved passages (load_qa of data.py there).

#include <algorithm>
#include <cmath>

#include "builtin_data.h"
#include "helmet_example.h"
#include "helmet_selection.h"
#include "retmask/base/error.h"

namespace retmask::eval::helmet {
namespace {

bool is_popqa(const Task& task) { return task.base == "kilt_popqa"; }

// PopQA: only subjects that are little known, by the views of their page.
std::vector<DataRow> little_known(const Task& task, std::vector<DataRow> rows) {
  if (!is_popqa(task)) return rows;
  std::erase_if(rows, [&](const DataRow& row) {
    const auto popularity = json_get<double>(row.fields, "s_pop", row.where);
    return !(std::log10(popularity) < static_cast<double>(task.size));
  });
  if (rows.empty())
    user_error(task.dataset, ": no row has a popularity (\"s_pop\") below 10^", task.size);
  return rows;
}

std::string passages(const ExampleRequest& request, const DataRow& row) {
  std::vector<std::string> texts;
  for (const DataRow& passage : row.objects("ctxs")) {
    texts.push_back(
        fill_template(request.style("document"),
                      {{"title", passage.text("title")}, {"text", passage.text("text")}}));
  }
  return joined(texts, "\n\n");
}

}  // namespace

std::vector<Example> load_kilt(const ExampleRequest& request) {
  const Task& task = request.task;
  std::vector<std::string> fields = {"question", "answers", "ctxs", "id"};
  if (is_popqa(task)) fields.push_back("s_pop");
  const std::vector<DataRow> all = little_known(task, request.test_rows(fields));
  const bool has_ids =
      std::any_of(all.begin(), all.end(), [](const DataRow& row) { return row.has("id"); });
  const char* key = has_ids ? "id" : "question";
  const std::vector<DataRow> demos = little_known(task, request.demo_rows(fields));
  const std::vector<const DataRow*> all_demos = pointers_to(demos);

  std::vector<Example> examples;
  for (const DataRow& row : rows_of_drawn_keys(task, all, key)) {
    const std::string row_key = row.key_text(key);
    const auto candidates = is_popqa(task) ? rows_except(all_demos, key, {row_key}) : all_demos;
    std::string demo_text;
    for (const DataRow* demo : draw_demos(task, candidates, key, row_key)) {
      const std::vector<std::string> answers = demo->texts("answers");
      if (answers.empty()) user_error(demo->where, ": \"answers\" is empty");
      demo_text += fill_template(request.style("demo"),
                                 {{"context", passages(request, *demo)},
                                  {"question", demo->text("question")},
                                  {"answer", answers.front()}});
    }
    examples.push_back({.key = row_key,
                        .fields = {{"context", passages(request, row)},
                                   {"question", row.text("question")},
                                   {"demos", demo_text}},
                        .gold = row.texts("answers")});
  }
  return examples;
}

}  // namespace retmask::eval::helmet
