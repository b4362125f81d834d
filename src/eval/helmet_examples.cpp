#include <algorithm>
#include <array>

#include "builtin_data.h"
#include "helmet_example.h"
#include "retmask/base/error.h"
#include "retmask/base/numpy_random.h"

namespace retmask::eval::helmet {
namespace {

struct Family {
  const char* name;
  std::vector<Example> (*load)(const ExampleRequest& request);
};
constexpr std::array<Family, 9> kFamilies = {{{"ruler", load_ruler},
                                              {"json_kv", load_json_kv},
                                              {"kilt", load_kilt},
                                              {"msmarco", load_msmarco},
                                              {"alce", load_alce},
                                              {"icl", load_icl},
                                              {"narrativeqa", load_narrativeqa},
                                              {"infbench", load_infbench},
                                              {"multi_lexsum", load_multi_lexsum}}};

}  // namespace

std::string user_text(const Task& task, const Example& example) {
  return fill_template(task.style().at("user").get<std::string>(), example.fields);
}

std::string answer_start(const Task& task, const Example& example) {
  return fill_template(task.style().at("answer_start").get<std::string>(), example.fields);
}

std::string prompt_text(const Task& task, const Example& example) {
  return user_text(task, example) + task.style().at("separator").get<std::string>() +
         answer_start(task, example);
}

std::string ExampleRequest::source() const {
  const std::string hub = task.text("hub");
  if (!hub.empty())
    return "the data set " + hub + " of the Hugging Face hub, exported in its order";
  return builtin_data("helmet").at("archive").get<std::string>();
}

std::vector<DataRow> ExampleRequest::test_rows(const std::vector<std::string>& fields) const {
  return data.rows(task.test_file, fields, source());
}

std::vector<DataRow> ExampleRequest::demo_rows(const std::vector<std::string>& fields) const {
  return data.rows(task.demo_file, fields, source());
}

bool ExampleRequest::is_long_enough(const std::string& context) const {
  if (!length_rule.count_tokens) return true;
  return length_rule.count_tokens(context) >= task.settings().at("min_tokens").get<int64_t>();
}

std::string ExampleRequest::cut(const std::string& context) const {
  return length_rule.cut ? length_rule.cut(context, task.size) : context;
}

std::vector<Example> load_examples(const ExampleRequest& request) {
  if (is_prepared(request.data, request.task.test_file)) return load_prepared(request);
  const std::string name = request.task.text("family");
  const auto family = std::find_if(
      kFamilies.begin(), kFamilies.end(), [&](const Family& one) { return one.name == name; });
  RETMASK_CHECK(family != kFamilies.end(), name);
  return family->load(request);
}

std::vector<size_t> shuffled_selection(const Task& task, size_t rows) {
  std::vector<size_t> selection;
  if (task.max_samples == 0) {
    for (size_t i = 0; i < rows; ++i) selection.push_back(i);
    return selection;
  }
  for (const uint64_t i : numpy_permutation(task.seed, rows)) selection.push_back(i);
  selection.resize(std::min(rows, static_cast<size_t>(task.max_samples)));
  return selection;
}

std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

}  // namespace retmask::eval::helmet
