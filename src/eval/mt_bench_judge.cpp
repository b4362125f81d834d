// MT-Bench's judge: its prompts, grades and results.

#include <algorithm>
#include <numeric>
#include <optional>

#include "builtin_data.h"
#include "mt_bench_text.h"
#include "python_format.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/eval/mt_bench_suite.h"
#include "retmask/eval/task_results.h"
#include "retmask/metrics/judge_replies.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

constexpr double kHighestGrade = 10.0;

std::string prompt_name(const MtBenchQuestion& question, int turn) {
  return std::string(question.needs_reference() ? "single-math-v1" : "single-v1") +
         (turn == 1 ? "" : "-multi-turn");
}

void read_references(const fs::path& path, MtBenchRubric& rubric) {
  for_each_json_line(path, "file of reference answers", [&](const Json& row, int64_t line) {
    const std::string where = detail::concat(path.string(), ":", line);
    if (!row.is_object()) user_error(where, ": expected an object");
    const auto choices = json_get<std::vector<Json>>(row, "choices", where);
    if (choices.empty() || !choices[0].is_object()) user_error(where, ": \"choices\" is empty");
    auto turns = json_get<std::vector<std::string>>(choices[0], "turns", where);
    if (turns.size() != kMtBenchTurns) {
      user_error(where, ": \"turns\" has ", turns.size(), " entries, expected two");
    }
    rubric.references[row.value("question_id", Json()).dump()] = std::move(turns);
  });
}

const std::vector<std::string>& reference_of(const MtBenchQuestion& question,
                                             const MtBenchRubric& rubric) {
  const auto found = rubric.references.find(question.id.dump());
  if (found != rubric.references.end()) return found->second;
  if (rubric.references_file.empty()) {
    user_error("--judge-references is required for questions of category ",
               question.category,
               ": reference_answer/gpt-4.jsonl of FastChat's llm_judge "
               "(github.com/lm-sys/FastChat, Apache-2.0)");
  }
  user_error(rubric.references_file, " has no reference answer to question ", question.id.dump());
}

// The fields of the prompts. `answers`: those of the conversation so far.
Json prompt_values(const MtBenchQuestion& question,
                   const std::vector<std::string>& answers,
                   const MtBenchRubric& rubric) {
  Json values = Json::object();
  if (answers.size() == 1) {
    values = {{"question", question.turns[0]}, {"answer", answers[0]}};
  } else {
    for (size_t turn = 0; turn < answers.size(); ++turn) {
      values[detail::concat("question_", turn + 1)] = question.turns[turn];
      values[detail::concat("answer_", turn + 1)] = answers[turn];
    }
  }
  if (question.needs_reference()) {
    const std::vector<std::string>& reference = reference_of(question, rubric);
    for (size_t turn = 0; turn < answers.size(); ++turn) {
      values[detail::concat("ref_answer_", turn + 1)] = reference[turn];
    }
  }
  return values;
}

// Rows of the same task and turn, of the same turn, or all.
struct GradeCount {
  Json key = Json::object();
  std::vector<double> grades = {};
  int64_t total = 0;
  int64_t errors = 0;
  int64_t missing = 0;
  int64_t invalid = 0;

  void add(const Json& row) {
    ++total;
    if (row["answer"].is_null()) {
      ++errors;
    } else if (row["verdict"].is_null()) {
      ++missing;
    } else if (row["score"].is_null()) {
      ++invalid;
    } else {
      grades.push_back(row["score"].get<double>());
    }
  }

  bool complete() const { return errors == 0 && missing == 0; }

  Json json() const {
    Json json = key;
    const double sum = std::accumulate(grades.begin(), grades.end(), 0.0);
    json["score"] =
        complete() && !grades.empty() ? Json(sum / static_cast<double>(grades.size())) : Json();
    json["total"] = total;
    json["errors"] = errors;
    json["missing"] = missing;
    json["invalid"] = invalid;
    return json;
  }
};

Json counts_by(const std::vector<std::string>& fields, const std::vector<Json>& rows) {
  std::vector<GradeCount> counts;
  for (const Json& row : rows) {
    Json key = Json::object();
    for (const std::string& field : fields) key[field] = row[field];
    auto found = std::find_if(
        counts.begin(), counts.end(), [&](const GradeCount& other) { return other.key == key; });
    if (found == counts.end()) found = counts.insert(counts.end(), {.key = key});
    found->add(row);
  }
  Json list = Json::array();
  for (const GradeCount& count : counts) list.push_back(count.json());
  return list;
}

double average(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// See mt_bench_results_json(); all rows have verdicts.
double paper_score(const std::vector<Json>& rows) {
  std::map<std::string, std::map<int64_t, std::vector<double>>> grades;  // by question and turn
  for (const Json& row : rows) {
    grades[row["question"].dump()][row["turn"].get<int64_t>()].push_back(
        row["score"].is_null() ? -1.0 : row["score"].get<double>());
  }
  std::vector<double> questions;
  for (const auto& [question, turns] : grades) {
    std::vector<double> means;
    for (const auto& [turn, samples] : turns) means.push_back(average(samples));
    questions.push_back(average(means));
  }
  return average(questions) / kHighestGrade;
}

}  // namespace

MtBenchRubric read_mt_bench_rubric(const fs::path& prompts, const fs::path& references) {
  MtBenchRubric rubric{.prompts_file = prompts.string(), .references_file = references.string()};
  for_each_json_line(prompts, "file of judge prompts", [&](const Json& row, int64_t line) {
    const std::string where = detail::concat(prompts.string(), ":", line);
    if (!row.is_object()) user_error(where, ": expected an object");
    rubric.prompts[json_get<std::string>(row, "name", where)] = {
        .system = json_get<std::string>(row, "system_prompt", where),
        .text = json_get<std::string>(row, "prompt_template", where)};
  });
  for (const char* name :
       {"single-v1", "single-math-v1", "single-v1-multi-turn", "single-math-v1-multi-turn"}) {
    if (!rubric.prompts.contains(name)) {
      user_error("the file of judge prompts ", prompts, " has none with the name ", name);
    }
  }
  if (!references.empty()) read_references(references, rubric);
  return rubric;
}

std::vector<JudgeRequest> mt_bench_requests(const std::vector<MtBenchQuestion>& questions,
                                            const std::vector<Json>& rows,
                                            const MtBenchRubric& rubric) {
  const Json& settings = builtin_data("mt-bench").at("judge");
  std::map<std::string, std::string> answers;  // by id
  std::vector<JudgeRequest> requests;
  for (const Json& row : rows) {
    if (row["answer"].is_null()) continue;
    const auto id = json_get<std::string>(row, "id", "a row");
    const MtBenchQuestion& question = question_of(questions, row, id);
    const auto turn = json_get<int>(row, "turn", id);
    answers[id] = stripped_answer(json_get<std::string>(row, "answer", id));
    std::vector<std::string> conversation;
    for (int earlier = 1; earlier <= turn; ++earlier) {
      const std::string other =
          mt_bench_id(question.id, json_get<int64_t>(row, "sample", id), earlier);
      if (!answers.contains(other)) user_error(id, ": there is no answer ", other, " before it");
      conversation.push_back(answers[other]);
    }
    const std::string name = prompt_name(question, turn);
    const JudgePrompt& prompt = rubric.prompts.at(name);
    const std::string text = python_format(prompt.text,
                                           prompt_values(question, conversation, rubric),
                                           rubric.prompts_file + ": " + name);
    Json messages = Json::array();
    if (!prompt.system.empty()) {
      messages.push_back({{"role", "system"}, {"content", prompt.system}});
    }
    messages.push_back({{"role", "user"}, {"content", text}});
    requests.push_back({.id = id,
                        .chat = {.messages = std::move(messages),
                                 .temperature = settings.at("temperature").get<double>(),
                                 .max_tokens = settings.at("max_tokens").get<int64_t>()}});
  }
  return requests;
}

std::vector<Json> read_mt_bench_rows(const fs::path& predictions) {
  std::vector<Json> rows;
  EarlierRows earlier;
  for_each_json_line(predictions, "file of answers", [&](const Json& row, int64_t line) {
    const std::string where = detail::concat(predictions.string(), ":", line);
    if (!row.is_object()) user_error(where, ": expected an object");
    json_get<std::string>(row, "id", where);
    json_get<std::string>(row, "task", where);
    json_get<int64_t>(row, "sample", where);
    json_get<int64_t>(row, "turn", where);
    for (const char* key : {"question", "answer"}) {
      if (!row.contains(key)) user_error(where, ": \"", key, "\" is missing");
    }
    if (!row["answer"].is_null()) json_get<std::string>(row, "answer", where);
    earlier.check(row, where);
    rows.push_back(row);
  });
  if (rows.empty()) user_error("the file of answers ", predictions, " is empty");
  return rows;
}

void grade_mt_bench(std::vector<Json>& rows, const JudgeReplies& replies) {
  int64_t outside = 0;
  for (Json& row : rows) {
    if (row["answer"].is_null()) continue;
    const std::string* reply = replies.find(row["id"].get_ref<const std::string&>());
    row["verdict"] = nullptr;
    row["score"] = nullptr;
    if (reply == nullptr) continue;
    row["verdict"] = *reply;
    const std::optional<double> grade = metrics::mt_bench_rating(*reply);
    if (!grade) continue;
    row["score"] = *grade;
    if (*grade < 1.0 || *grade > kHighestGrade) ++outside;
  }
  if (outside > 0) {
    log::warn(detail::concat(
        outside,
        " grades of the judge are not from 1 to 10; they count as they are, as in the "
        "original"));
  }
}

Json mt_bench_results_json(const MtBenchOptions& options, const std::vector<Json>& rows) {
  GradeCount all;
  for (const Json& row : rows) all.add(row);
  Json results = {{"suite", "mt-bench"},
                  {"profile", options.resolved_profile()},
                  {"tasks", counts_by({"task", "turn"}, rows)},
                  {"turns", counts_by({"turn"}, rows)}};
  results.update(all.json());
  results["paper_score"] = all.complete() ? Json(paper_score(rows)) : Json();
  return results;
}

}  // namespace retmask::eval
