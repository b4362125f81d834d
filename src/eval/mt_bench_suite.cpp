#include "retmask/eval/mt_bench_suite.h"

#include <algorithm>

#include "builtin_data.h"
#include "mt_bench_text.h"
#include "retmask/base/error.h"
#include "retmask/metrics/helmet_answers.h"
#include "retmask/rows/row_files.h"
#include "suite_options.h"

namespace retmask::eval {
namespace {

const Json& mt_bench_data() { return builtin_data("mt-bench"); }

const Json& mt_bench_profile(const MtBenchOptions& options) {
  return mt_bench_data().at("profiles").at(options.resolved_profile());
}

double temperature_of(const MtBenchQuestion& question) {
  const Json& temperatures = mt_bench_data().at("temperatures");
  const auto found = temperatures.find(question.category);
  return (found == temperatures.end() ? mt_bench_data().at("other_temperature") : *found)
      .get<double>();
}

MtBenchQuestion parse_mt_bench_question(const Json& row, const std::string& where) {
  MtBenchQuestion question;
  const Json id = row.value("question_id", Json());
  if (!id.is_number_integer() && !id.is_string()) {
    user_error(where, ": \"question_id\" is missing: a number or a text");
  }
  question.id = id;
  question.category = json_get<std::string>(row, "category", where);
  const auto turns = json_get<std::vector<std::string>>(row, "turns", where);
  if (turns.size() != kMtBenchTurns) {
    user_error(where, ": \"turns\" has ", turns.size(), " entries, expected two");
  }
  std::copy(turns.begin(), turns.end(), question.turns.begin());
  return question;
}

Sample turn_sample(const MtBenchOptions& options,
                   const MtBenchQuestion& question,
                   int64_t number,
                   int turn) {
  const Json& profile = mt_bench_profile(options);
  Sample sample;
  sample.id = mt_bench_id(question.id, number, turn);
  sample.task = question.category;
  sample.metric = "judge";
  sample.max_new_tokens = options.max_new_tokens > 0 ? options.max_new_tokens
                                                     : profile.at("max_new_tokens").get<int64_t>();
  sample.sampling.temperature = temperature_of(question);
  sample.meta = {{"question", question.id}, {"sample", number}, {"turn", turn}};
  return sample;
}

// The first answer as the second turn shows it to the model.
std::string shown_answer(const MtBenchOptions& options, const std::string& answer) {
  const Json& profile = mt_bench_profile(options);
  if (!profile.contains("first_answer_characters")) return stripped_answer(answer);
  return first_characters(metrics::after_thinking(answer),
                          profile["first_answer_characters"].get<size_t>());
}

}  // namespace

std::string MtBenchOptions::resolved_profile() const {
  return profile.empty() ? mt_bench_data().at("default_profile").get<std::string>() : profile;
}

void MtBenchOptions::validate() const {
  const Json& profiles = mt_bench_data().at("profiles");
  if (!profiles.contains(resolved_profile())) {
    std::string known;
    for (const auto& [name, value] : profiles.items()) known += (known.empty() ? "" : ", ") + name;
    user_error("--profile is \"", profile, "\", expected for --suite mt-bench one of: ", known);
  }
  check_max_samples(max_samples);
  if (max_new_tokens < 0) {
    user_error("--max-new-tokens is ", max_new_tokens, ", expected at least 1");
  }
}

bool MtBenchQuestion::needs_reference() const {
  const Json& categories = mt_bench_data().at("reference_categories");
  return std::find(categories.begin(), categories.end(), Json(category)) != categories.end();
}

std::vector<MtBenchQuestion> read_mt_bench_questions(const std::filesystem::path& data,
                                                     int64_t max_samples) {
  std::vector<MtBenchQuestion> questions;
  rows::for_each_row(
      {.path = data, .what = "file of questions", .columns = {"question_id", "category", "turns"}},
      [&](const Json& row, int64_t, const std::string& where) {
        if (!row.is_object()) user_error(where, ": expected an object");
        MtBenchQuestion question = parse_mt_bench_question(row, where);
        for (const MtBenchQuestion& other : questions) {
          if (mt_bench_id(other.id, 0, 1) != mt_bench_id(question.id, 0, 1)) continue;
          user_error(where, ": a second question with id ", question.id.dump());
        }
        questions.push_back(std::move(question));
      });
  if (questions.empty()) user_error("the file of questions ", data, " is empty");
  questions.resize(std::min(questions.size(), static_cast<size_t>(max_samples)));
  return questions;
}

std::vector<Sample> first_turns(const MtBenchOptions& options,
                                const std::vector<MtBenchQuestion>& questions,
                                const PromptEncoder& encoder) {
  if (!encoder.takes_conversations()) {
    user_error(
        "--suite mt-bench has conversations, which need a chat template; give an "
        "instruction-tuned model, and not --chat none");
  }
  const auto samples_per_question = mt_bench_profile(options).at("samples").get<int64_t>();
  std::vector<Sample> samples;
  for (const MtBenchQuestion& question : questions) {
    for (int64_t number = 0; number < samples_per_question; ++number) {
      samples.push_back(turn_sample(options, question, number, 1));
      encoder.encode(user_prompt(question.turns[0]), samples.back());
    }
  }
  return samples;
}

std::vector<Sample> second_turns(const MtBenchOptions& options,
                                 const std::vector<MtBenchQuestion>& questions,
                                 const std::vector<Json>& first_rows,
                                 const PromptEncoder& encoder) {
  std::vector<Sample> samples;
  for (const Json& row : first_rows) {
    if (row["answer"].is_null()) continue;
    const MtBenchQuestion& question = question_of(questions, row, row["id"]);
    samples.push_back(turn_sample(options, question, row["sample"].get<int64_t>(), 2));
    Prompt prompt = user_prompt(question.turns[0]);
    prompt.messages.push_back(
        {{"role", "assistant"}, {"content", shown_answer(options, row["answer"])}});
    prompt.messages.push_back({{"role", "user"}, {"content", question.turns[1]}});
    encoder.encode(prompt, samples.back());
  }
  return samples;
}

std::vector<Json> both_turns(const std::vector<Json>& first_rows,
                             const std::vector<Json>& second_rows) {
  std::vector<Json> rows;
  size_t second = 0;
  for (const Json& first : first_rows) {
    rows.push_back(first);
    if (!first["answer"].is_null()) {
      rows.push_back(second_rows.at(second++));
      continue;
    }
    Json row = first;
    row["id"] = mt_bench_id(first["question"], first["sample"].get<int64_t>(), 2);
    row["turn"] = 2;
    row["error"] = "the first turn has no answer";
    rows.push_back(std::move(row));
  }
  RETMASK_CHECK(second == second_rows.size());
  return rows;
}

}  // namespace retmask::eval
