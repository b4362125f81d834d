#include "retmask/eval/question_suite.h"

#include <set>

#include "builtin_data.h"
#include "metrics.h"
#include "question_rows.h"
#include "retmask/base/error.h"
#include "retmask/eval/task_results.h"
#include "suite_options.h"

namespace retmask::eval {
namespace {

const Json& profile_data(const QuestionOptions& options) {
  return builtin_data(options.suite).at("profiles").at(options.resolved_profile());
}

std::string listed(const Json& profiles) {
  std::string names;
  for (const auto& [name, profile] : profiles.items()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// "{A, B, C}"
std::string letters_of(size_t options) {
  std::string letters = "{";
  for (size_t i = 0; i < options; ++i) letters += (i == 0 ? "" : ", ") + option_letter(i);
  return letters + "}";
}

std::string prompt_text(const Json& profile, const Question& question) {
  std::string options;
  for (size_t i = 0; i < question.options.size(); ++i) {
    if (i > 0) options += '\n';
    options += fill_template(profile.at("option").get<std::string>(),
                             {{"letter", option_letter(i)}, {"text", question.options[i]}});
  }
  Json values = profile.value("values", Json::object());
  values["question"] = question.text;
  values["options"] = options;
  values["letters"] = letters_of(question.options.size());
  return fill_template(profile.at("template").get<std::string>(), values);
}

// The answer's text in a row of given answers; null is an empty one.
std::string given_answer(const Json& row, const std::string& where) {
  for (const char* key : {"model_output", "output", "response", "completion"}) {
    const auto found = row.find(key);
    if (found == row.end()) continue;
    return found->is_null() ? "" : json_get<std::string>(row, key, where);
  }
  user_error(where, ": \"model_output\" is missing: the text that the model answered");
}

Json given_row(const QuestionOptions& options,
               const Json& row,
               int64_t number,
               const std::string& where) {
  return {{"id", question_id(row, number)},
          {"task", question_task(options.suite, row, where)},
          {"answer", given_answer(row, where)},
          {"references", question_references(options.suite, row, where)},
          {"metric", profile_data(options).at("metric")}};
}

}  // namespace

std::string QuestionOptions::resolved_profile() const {
  if (!profile.empty()) return profile;
  return builtin_data(suite).at("default_profile").get<std::string>();
}

void QuestionOptions::validate() const {
  const Json& profiles = builtin_data(suite).at("profiles");
  if (!profiles.contains(resolved_profile())) {
    user_error("--profile is \"",
               profile,
               "\", expected for --suite ",
               suite,
               " one of: ",
               listed(profiles));
  }
  check_max_samples(max_samples);
}

std::vector<Sample> build_question_samples(const QuestionOptions& options,
                                           const std::filesystem::path& data,
                                           const PromptEncoder& encoder) {
  const Json& profile = profile_data(options);
  if (!profile.contains("template")) {
    user_error("--profile ",
               options.resolved_profile(),
               " of --suite ",
               options.suite,
               " only judges given answers (--rescore); to ask a model, give another profile");
  }
  std::vector<Sample> samples;
  std::set<std::string> ids;
  for (const Question& question : read_questions(options.suite, options.resolved_profile(), data)) {
    if (static_cast<int64_t>(samples.size()) == options.max_samples) break;
    Sample sample;
    sample.id = question.id.is_string() ? question.id.get<std::string>() : question.id.dump();
    if (!ids.insert(sample.id).second) user_error(data, " has two questions with id ", sample.id);
    sample.task = question.task;
    encoder.encode(user_prompt(prompt_text(profile, question)), sample);
    sample.references = question.references;
    sample.metric = profile.at("metric").get<std::string>();
    sample.max_new_tokens = profile.at("max_new_tokens").get<int64_t>();
    sample.stop = profile.value("stop", std::vector<std::string>());
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::vector<Json> judge_given_answers(const QuestionOptions& options,
                                      const std::filesystem::path& answers) {
  std::vector<Json> rows;
  EarlierRows earlier;
  for_each_json_line(answers, "file of answers", [&](const Json& row, int64_t line) {
    const std::string where = answers.string() + ":" + std::to_string(line);
    if (!row.is_object()) user_error(where, ": expected an object");
    const bool is_own = row.contains("metric") && row.contains("references");
    if (is_own) earlier.check(row, where);
    rows.push_back(is_own ? row : given_row(options, row, line, where));
    if (rows.back().contains("error")) return;
    if (is_own && !options.profile.empty()) {
      rows.back()["metric"] = profile_data(options).at("metric");
    }
    score_row(rows.back(), where);
  });
  if (rows.empty()) user_error("the file of answers ", answers, " is empty");
  return rows;
}

Json question_results_json(const QuestionOptions& options, const std::vector<Json>& rows) {
  Json results = task_results_json(options.suite, rows);
  results["profile"] = options.resolved_profile();
  const auto share = [&](const char* key) {
    double count = 0.0;
    for (const Json& row : rows) count += row.value(key, false);
    return count / static_cast<double>(rows.size());
  };
  int64_t without_answer = 0;
  for (const Json& row : rows) without_answer += row.value("pred", Json()).is_null();
  results["total"] = rows.size();
  results["accuracy"] = share("correct");
  results["without_answer"] = without_answer;
  if (options.suite == "math500") {
    for (const char* key : {"exact_match", "math_equal"}) results[key] = share(key);
  }
  return results;
}

}  // namespace retmask::eval
