// HELMET's Summ: Multi-LexSum (load_multi_lexsum of data.py there).

#include "builtin_data.h"
#include "helmet_example.h"
#include "retmask/base/error.h"
#include "retmask/base/numpy_random.h"

namespace retmask::eval::helmet {
namespace {

constexpr const char* kShort = "summary/short";
constexpr const char* kLong = "summary/long";  // for the judge

std::vector<DataRow> with_summary(std::vector<DataRow> rows) {
  std::erase_if(rows, [](const DataRow& row) { return !row.has(kShort); });
  return rows;
}

}  // namespace

std::vector<Example> load_multi_lexsum(const ExampleRequest& request) {
  const Task& task = request.task;
  const std::vector<DataRow> train = with_summary(request.demo_rows({kShort}));
  const std::vector<DataRow> rows =
      with_summary(request.test_rows({"id", "sources", kShort, kLong}));
  const auto shots = static_cast<size_t>(task.shots);
  if (train.size() < shots) user_error(task.demo_file, " has fewer rows than --shots ", shots);
  UnseededShuffles shuffles(static_cast<uint32_t>(task.seed));
  // HELMET draws for the rows of the training set first, which it then does not use.
  for (size_t i = 0; i < train.size(); ++i) shuffles.next_seed();
  std::vector<Example> examples;
  for (const DataRow& row : rows) {
    const std::vector<uint64_t> order = numpy_permutation(shuffles.next_seed(), train.size());
    const std::string context = joined(row.texts("sources"), "\n\n");
    if (!request.is_long_enough(context)) continue;
    std::vector<std::string> demos;
    for (size_t shot = 0; shot < shots; ++shot) {
      demos.push_back(
          fill_template(request.style("demo"), {{"answer", train[order[shot]].text(kShort)}}));
    }
    examples.push_back(
        {.key = row.key_text("id"),
         .fields = {{"context", request.cut(context)},
                    {"question", ""},
                    {"demos",
                     demos.empty() ? ""
                                   : fill_template(request.style("demos"),
                                                   {{"demos", joined(demos, "\n\n")}})}},
         .gold = row.text(kShort),
         .extra = row.has(kLong) ? Json{{"expert_summary", row.text(kLong)}} : Json::object()});
  }
  const bool selects =
      task.max_samples > 0 && examples.size() > static_cast<size_t>(task.max_samples);
  if (!selects) return examples;
  std::vector<Example> selected;
  for (const size_t i : shuffled_selection(task, examples.size())) selected.push_back(examples[i]);
  return selected;
}

}  // namespace retmask::eval::helmet
