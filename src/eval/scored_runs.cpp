#include "scored_runs.h"

#include <algorithm>
#include <array>

#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

std::string id_text(const Json& id) { return id.is_string() ? id.get<std::string>() : id.dump(); }

const Json& required_field(const Json& row, const char* key, const std::string& where) {
  const auto found = row.find(key);
  if (found == row.end()) user_error(where, ": \"", key, "\" is missing");
  return *found;
}

// One or more scored samples of a row of predictions.jsonl.
using RowReader = std::vector<ScoredSample> (*)(const Json& row, const std::string& where);

std::vector<ScoredSample> read_niah_row(const Json& row, const std::string& where) {
  std::string id;
  for (const char* key : {"needle", "length", "depth"}) {
    if (!id.empty()) id += '-';
    id += std::to_string(json_get<int64_t>(row, key, where));
  }
  return {{.task = "niah",
           .length = row["length"],
           .id = std::move(id),
           .score = json_get<bool>(row, "success", where) ? 1.0 : 0.0}};
}

std::vector<ScoredSample> read_niah_recall(const Json& row, const std::string& where) {
  std::vector<ScoredSample> samples = read_niah_row(row, where);
  samples[0].score = json_get<double>(row, "recall", where);
  return samples;
}

std::vector<ScoredSample> read_logprob_row(const Json& row, const std::string& where) {
  const char* key = row.contains("completion_mean") ? "completion_mean" : "mean";
  ScoredSample sample{.task = "mean log-prob", .id = id_text(required_field(row, "id", where))};
  if (!required_field(row, key, where).is_null()) sample.score = json_get<double>(row, key, where);
  return {sample};
}

// Right if the gold choice has the largest sum of log-probs, divided by its size in some unit.
std::vector<ScoredSample> read_choice_row(const Json& row, const std::string& where) {
  struct Normalization {
    const char* task;
    const char* unit;  // null: none
  };
  constexpr std::array<Normalization, 4> kNormalizations = {{{"acc", nullptr},
                                                             {"acc_per_char", "chars"},
                                                             {"acc_per_byte", "bytes"},
                                                             {"acc_per_token", "tokens"}}};
  const auto choices = json_get<std::vector<Json>>(row, "choices", where);
  const auto gold = json_get<int64_t>(row, "gold", where);
  std::vector<ScoredSample> samples;
  for (const Normalization& normalization : kNormalizations) {
    std::vector<double> values;
    for (const Json& choice : choices) {
      const double size =
          normalization.unit == nullptr ? 1.0 : json_get<double>(choice, normalization.unit, where);
      values.push_back(json_get<double>(choice, "sum", where) / size);
    }
    const auto best = std::max_element(values.begin(), values.end()) - values.begin();
    samples.push_back({.task = normalization.task,
                       .id = id_text(required_field(row, "id", where)),
                       .score = best == gold ? 1.0 : 0.0,
                       .reference = std::to_string(gold)});
  }
  return samples;
}

// Rows with an id and a score, or whether the answer is correct.
std::vector<ScoredSample> read_scored_row(const Json& row, const std::string& where) {
  ScoredSample sample{.task = json_get_or<std::string>(row, "task", "", where),
                      .length = row.value("length", Json()),
                      .id = id_text(required_field(row, "id", where)),
                      .reference = row.contains("references") ? row["references"].dump() : ""};
  if (row.contains("correct") && !row.contains("score")) {
    sample.score = json_get<bool>(row, "correct", where) ? 1.0 : 0.0;
  } else if (!required_field(row, "score", where).is_null()) {
    sample.score = json_get<double>(row, "score", where);
  }
  return {sample};
}

// Suites whose rows have a form of their own.
struct OwnForm {
  const char* suite;
  RowReader read;
};
constexpr std::array<OwnForm, 3> kOwnForms = {
    {{"niah", read_niah_row}, {"logprob", read_logprob_row}, {"choice", read_choice_row}}};

RowReader reader_of(const std::string& suite, NiahScore niah_score) {
  if (suite == "niah" && niah_score == NiahScore::recall) return read_niah_recall;
  for (const OwnForm& form : kOwnForms) {
    if (suite == form.suite) return form.read;
  }
  return read_scored_row;
}

bool is_eval_run(const fs::path& dir) {
  return fs::exists(dir / "results.json") && fs::exists(dir / "predictions.jsonl");
}

// Of the scores in predictions.jsonl.
std::string unit_of(const std::string& suite) {
  if (suite == "logprob") return "nats";
  return suite == "mt-bench" ? "1 to 10" : "0 to 1";
}

ScoredRun read_run(const fs::path& dir, const std::string& name, NiahScore niah_score) {
  const fs::path results = dir / "results.json";
  ScoredRun run{.name = name,
                .suite = json_get_or<std::string>(
                    read_json_file(results, "results"), "suite", name, results.string()),
                .predictions = dir / "predictions.jsonl"};
  if (run.suite.empty()) user_error(results, ": \"suite\" is missing");
  run.unit = unit_of(run.suite);
  const RowReader read = reader_of(run.suite, niah_score);
  for_each_json_line(run.predictions, "predictions", [&](const Json& row, int64_t line) {
    const std::string where = run.predictions.string() + ":" + std::to_string(line);
    if (!row.is_object()) user_error(where, ": expected an object");
    for (ScoredSample& sample : read(row, where)) {
      if (sample.task.empty()) sample.task = run.suite;
      run.samples.push_back(std::move(sample));
    }
  });
  if (run.samples.empty()) user_error(run.predictions, " holds no samples");
  return run;
}

}  // namespace

std::vector<ScoredRun> read_scored_runs(const fs::path& dir, NiahScore niah_score) {
  if (is_eval_run(dir)) return {read_run(dir, "", niah_score)};
  std::vector<fs::path> folders;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir, error)) {
    if (entry.is_directory() && is_eval_run(entry.path())) folders.push_back(entry.path());
  }
  if (folders.empty()) {
    user_error(dir,
               " is no run of eval: expected results.json and predictions.jsonl in it, or folders "
               "that hold them");
  }
  std::sort(folders.begin(), folders.end());
  std::vector<ScoredRun> runs;
  for (const fs::path& folder : folders)
    runs.push_back(read_run(folder, folder.filename().string(), niah_score));
  return runs;
}

}  // namespace retmask::eval
