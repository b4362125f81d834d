// HELMET's Re-rank: passages of MS MARCO (load_msmarco_rerank of data.py there).

#include <algorithm>

#include "builtin_data.h"
#include "helmet_example.h"
#include "helmet_selection.h"
#include "retmask/base/error.h"

namespace retmask::eval::helmet {
namespace {

// The rows' passages in the style of the test file: with titles or without.
class Passages {
 public:
  Passages(const ExampleRequest& request, bool titled)
      : template_(request.style(titled ? "titled_document" : "document")), titled_(titled) {}

  std::string text(const DataRow& row) const {
    std::vector<std::string> texts;
    for (const DataRow& passage : row.objects("ctxs")) {
      Json values = {{"id", passage.key_text("id")}, {"text", passage.text("text")}};
      if (titled_) values["title"] = passage.text("title");
      texts.push_back(fill_template(template_, values));
    }
    return joined(texts, "\n\n");
  }

 private:
  std::string template_;
  bool titled_;
};

struct RankedPassage {
  std::string id;
  int64_t label;
};

std::vector<RankedPassage> ranked_passages(const DataRow& row) {
  std::vector<RankedPassage> labels;
  for (const DataRow& passage : row.objects("ctxs")) {
    labels.push_back({passage.key_text("id"), passage.integer("label")});
  }
  return labels;
}

std::string best_ranking(std::vector<RankedPassage> labels) {
  std::stable_sort(
      labels.begin(), labels.end(), [](const RankedPassage& a, const RankedPassage& b) {
        return a.label > b.label;
      });
  std::vector<std::string> ids;
  for (const RankedPassage& one : labels) ids.push_back(one.id);
  return joined(ids, " > ");
}

}  // namespace

std::vector<Example> load_msmarco(const ExampleRequest& request) {
  const Task& task = request.task;
  const std::vector<std::string> fields = {"qid", "query", "ctxs"};
  const std::vector<DataRow> rows = rows_of_drawn_keys(task, request.test_rows(fields), "qid");
  const std::vector<DataRow> demos = request.demo_rows(fields);
  std::vector<std::string> test_keys;
  for (const DataRow& row : rows) test_keys.push_back(row.key_text("qid"));
  std::vector<const DataRow*> candidates = pointers_to(demos);
  const bool drops_all = demos.size() > 2 * rows.size();
  if (drops_all) candidates = rows_except(candidates, "qid", test_keys);

  std::vector<Example> examples;
  for (const DataRow& row : rows) {
    const std::string key = row.key_text("qid");
    const std::vector<DataRow> shown = row.objects("ctxs");
    if (shown.empty()) user_error(row.where, ": \"ctxs\" is empty");
    const Passages passages(request, shown.front().has("title"));
    const auto own = drops_all ? candidates : rows_except(candidates, "qid", {key});
    std::string demo_text;
    for (const DataRow* demo : draw_demos(task, own, "qid", key)) {
      demo_text += fill_template(request.style("demo"),
                                 {{"context", passages.text(*demo)},
                                  {"question", demo->text("query")},
                                  {"answer", best_ranking(ranked_passages(*demo))}});
    }
    Json labels = Json::object();
    for (const RankedPassage& one : ranked_passages(row)) labels[one.id] = one.label;
    examples.push_back({.key = key,
                        .fields = {{"context", passages.text(row)},
                                   {"question", row.text("query")},
                                   {"demos", demo_text}},
                        .gold = best_ranking(ranked_passages(row)),
                        .extra = {{"labels", labels}}});
  }
  return examples;
}

}  // namespace retmask::eval::helmet
