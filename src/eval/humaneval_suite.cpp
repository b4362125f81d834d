#include "retmask/eval/humaneval_suite.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "builtin_data.h"
#include "python_sandbox.h"
#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/base/stop_signals.h"
#include "retmask/eval/task_results.h"
#include "retmask/metrics/code_answers.h"
#include "retmask/rows/row_files.h"
#include "suite_options.h"

namespace retmask::eval {
namespace {

const Json& code_profile(const std::string& profile) {
  return builtin_data("humaneval").at("profiles").at(profile);
}

// The part of an output that is code.
std::string code_of(const Json& profile, const CodeProblem& problem, const std::string& output) {
  const auto rule = profile.at("code").get<std::string>();
  if (rule == "whole") return output;
  if (rule == "before_fence") return metrics::code_before_fence(output);
  if (rule == "after_signature") return metrics::code_after_signature(output);
  RETMASK_CHECK(rule == "last_block", rule);
  return metrics::last_code_block(output, problem.entry_point);
}

const CodeProblem& find_problem(const std::map<std::string, const CodeProblem*>& problems,
                                const std::string& id) {
  const auto found = problems.find(id);
  if (found == problems.end()) user_error("the problems have none with id ", id);
  return *found->second;
}

// Calls `work(i)` for 0 .. count - 1 on several threads. The first exception is thrown.
void for_each_index(size_t count, int64_t workers, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto loop = [&] {
    for (size_t i = next++; i < count && !failed && !stop_is_due(); i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failed.exchange(true)) failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    const auto most = std::min<size_t>(count, static_cast<size_t>(std::max<int64_t>(workers, 1)));
    for (size_t i = 1; i < most; ++i) threads.emplace_back(loop);
    loop();
  }
  if (failure) std::rethrow_exception(failure);
  stop_point();
}

// Samples and right ones by problem.
std::map<std::string, std::pair<int64_t, int64_t>> counts_by_problem(
    const std::vector<Json>& rows) {
  std::map<std::string, std::pair<int64_t, int64_t>> counts;
  for (const Json& row : rows) {
    auto& [samples, right] = counts[row.at("problem").get<std::string>()];
    ++samples;
    right += row.at("correct").get<bool>();
  }
  return counts;
}

}  // namespace

std::string HumanEvalOptions::resolved_profile() const {
  return profile.empty() ? builtin_data("humaneval").at("default_profile").get<std::string>()
                         : profile;
}

void HumanEvalOptions::validate() const {
  const Json& profiles = builtin_data("humaneval").at("profiles");
  if (!profiles.contains(resolved_profile())) {
    std::string known;
    for (const auto& [name, value] : profiles.items()) known += (known.empty() ? "" : ", ") + name;
    user_error("--profile is \"", profile, "\", expected for --suite humaneval one of: ", known);
  }
  check_max_samples(max_samples);
  if (!allow_code_execution) {
    user_error(
        "--suite humaneval runs programs that a model wrote; give --allow-code-exec to let it");
  }
}

std::vector<CodeProblem> read_code_problems(const std::filesystem::path& data) {
  std::vector<CodeProblem> problems;
  std::set<std::string> ids;
  rows::for_each_row({.path = data,
                      .what = "file of problems",
                      .columns = {"task_id", "prompt", "test", "entry_point"}},
                     [&](const Json& row, int64_t, const std::string& where) {
                       problems.push_back({json_get<std::string>(row, "task_id", where),
                                           json_get<std::string>(row, "prompt", where),
                                           json_get<std::string>(row, "test", where),
                                           json_get<std::string>(row, "entry_point", where)});
                       const std::string& id = problems.back().id;
                       if (!ids.insert(id).second) user_error(where, ": a second problem ", id);
                     });
  if (problems.empty()) user_error("the file of problems ", data, " is empty");
  return problems;
}

std::string test_program(const std::string& profile,
                         const CodeProblem& problem,
                         const std::string& output) {
  const Json& rules = code_profile(profile);
  std::string program = rules.value("preamble", std::string());
  if (rules.at("starts_with_prompt").get<bool>()) program += problem.prompt;
  program += code_of(rules, problem, output);
  return program + "\n" + problem.test + "\ncheck(" + problem.entry_point + ")";
}

std::vector<Sample> build_code_samples(const HumanEvalOptions& options,
                                       const std::vector<CodeProblem>& problems,
                                       const PromptEncoder& encoder) {
  const Json& profile = code_profile(options.resolved_profile());
  std::vector<Sample> samples;
  for (const CodeProblem& problem : problems) {
    if (static_cast<int64_t>(samples.size()) == options.max_samples) break;
    const Json values = {{"prompt", problem.prompt}};
    Sample sample;
    sample.id = problem.id;
    sample.task = "humaneval";
    encoder.encode(user_prompt(fill_template(profile.at("template").get<std::string>(), values),
                               fill_template(profile.value("answer_start", std::string()), values)),
                   sample);
    sample.references = {problem.entry_point};
    sample.metric = "code";
    sample.max_new_tokens = profile.at("max_new_tokens").get<int64_t>();
    sample.stop = profile.value("stop", std::vector<std::string>());
    sample.meta = {{"problem", problem.id}};
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::vector<Json> read_completions(const std::filesystem::path& answers) {
  std::vector<Json> rows;
  std::map<std::string, int64_t> seen;
  EarlierRows earlier;
  for_each_json_line(answers, "file of answers", [&](const Json& row, int64_t line) {
    const std::string where = answers.string() + ":" + std::to_string(line);
    if (!row.is_object()) user_error(where, ": expected an object");
    if (row.contains("metric") && row.contains("problem")) {
      earlier.check(row, where);
      if (!row.contains("error")) json_get<std::string>(row, "answer", where);
      rows.push_back(row);
      return;
    }
    const auto problem = json_get<std::string>(row, "task_id", where);
    const int64_t sample = seen[problem]++;
    rows.push_back({{"id", sample == 0 ? problem : problem + "#" + std::to_string(sample)},
                    {"task", "humaneval"},
                    {"problem", problem},
                    {"answer", json_get<std::string>(row, "completion", where)},
                    {"metric", "code"}});
  });
  if (rows.empty()) user_error("the file of answers ", answers, " is empty");
  return rows;
}

CodeVerdicts judge_code(const HumanEvalOptions& options,
                        const std::vector<CodeProblem>& problems,
                        std::vector<Json> rows) {
  options.validate();
  std::map<std::string, const CodeProblem*> by_id;
  for (const CodeProblem& problem : problems) by_id[problem.id] = &problem;
  for (const Json& row : rows) find_problem(by_id, row.at("problem").get<std::string>());
  const std::string profile = options.resolved_profile();
  SandboxLimits limits;
  limits.wall_time =
      std::chrono::milliseconds(code_profile(profile).at("milliseconds").get<int64_t>());
  const PythonSandbox python(limits);
  Progress progress("eval humaneval", static_cast<int64_t>(rows.size()), "programs", 0);
  std::mutex mutex;
  for_each_index(rows.size(), options.workers, [&](size_t i) {
    Json& row = rows[i];
    if (row.contains("error")) return;
    const CodeProblem& problem = find_problem(by_id, row.at("problem").get<std::string>());
    const std::string result =
        python.run(test_program(profile, problem, row.at("answer").get<std::string>()));
    row["correct"] = result == "passed";
    row["score"] = result == "passed" ? 1.0 : 0.0;
    row["result"] = result;
    const std::lock_guard lock(mutex);
    progress.advance();
  });
  progress.finish();
  return {std::move(rows),
          python.isolation().describe(),
          python.isolation().is_complete(),
          python.python()};
}

Json code_results_json(const HumanEvalOptions& options, const CodeVerdicts& verdicts) {
  Json results = task_results_json("humaneval", verdicts.rows);
  std::vector<Json> judged;
  for (const Json& row : verdicts.rows) {
    if (!row.contains("error")) judged.push_back(row);
  }
  const auto counts = counts_by_problem(judged);
  int64_t right = 0;
  int64_t fewest = judged.empty() ? 0 : INT64_MAX;
  for (const auto& [problem, count] : counts) {
    right += count.second;
    fewest = std::min(fewest, count.first);
  }
  results["profile"] = options.resolved_profile();
  results["total"] = verdicts.rows.size();
  results["problems"] = counts.size();
  results["accuracy"] = static_cast<double>(right) / static_cast<double>(verdicts.rows.size());
  for (const int64_t k : {1, 10}) {
    if (fewest < k) continue;
    double sum = 0.0;
    for (const auto& [problem, count] : counts) {
      sum += metrics::pass_at_k(count.first, count.second, k);
    }
    results["pass@" + std::to_string(k)] = sum / static_cast<double>(counts.size());
  }
  results["isolation"] = verdicts.isolation;
  results["python"] = verdicts.python;
  return results;
}

}  // namespace retmask::eval
