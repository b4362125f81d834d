#include "retmask/eval/logprob_suite.h"

#include <chrono>
#include <cmath>

#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/engine/generator.h"

namespace retmask::eval {
namespace {

// Sum and count of log-probabilities.
struct Total {
  double sum = 0.0;
  int64_t tokens = 0;

  void add(double logprob) {
    sum += logprob;
    ++tokens;
  }
  Json mean() const { return tokens == 0 ? Json() : Json(sum / static_cast<double>(tokens)); }
};

// Sums logprobs[i] for i >= start. The first token of a row is not predicted.
Total total_from(const Json& logprobs, int64_t start) {
  Total total;
  for (size_t i = static_cast<size_t>(start); i < logprobs.size(); ++i) {
    if (!logprobs[i].is_null()) total.add(logprobs[i].get<double>());
  }
  return total;
}

Json to_prediction(const LogprobRow& row, const torch::Tensor& logprobs) {
  Json values = Json::array({nullptr});
  RETMASK_CHECK(torch::isfinite(logprobs).all().item<bool>(), "row ", row.id.dump());
  const torch::Tensor on_cpu =
      logprobs.to(torch::kCPU, torch::kFloat64).contiguous();  // [tokens - 1]
  for (int64_t i = 0; i < on_cpu.size(0); ++i) values.push_back(on_cpu.const_data_ptr<double>()[i]);
  const Total all = total_from(values, 0);
  Json prediction = {{"id", row.id}, {"tokens", row.tokens}};
  prediction["logprobs"] = std::move(values);
  prediction["sum"] = all.sum;
  prediction["mean"] = all.mean();
  if (row.completion_start) {
    const Total completion = total_from(prediction["logprobs"], *row.completion_start);
    prediction["completion_start"] = *row.completion_start;
    prediction["completion_sum"] = completion.sum;
    prediction["completion_mean"] = completion.mean();
  }
  return prediction;
}

// End of the batch of `which` rows that starts at `begin`.
size_t batch_end(const std::vector<LogprobRow>& rows,
                 const std::vector<size_t>& which,
                 size_t begin,
                 int64_t batch_tokens) {
  int64_t tokens = 0;
  size_t end = begin;
  while (end < which.size()) {
    tokens += static_cast<int64_t>(rows[which[end]].tokens.size());
    if (end > begin && tokens > batch_tokens) break;
    ++end;
  }
  return end;
}

}  // namespace

SampleJournal open_journal(const std::filesystem::path& path, const std::vector<LogprobRow>& rows) {
  std::vector<Json> identities;
  for (const LogprobRow& row : rows) identities.push_back({{"id", row.id}, {"tokens", row.tokens}});
  return SampleJournal(path, identities);
}

EvaluatedRows run_logprob(const Subject& subject,
                          const std::vector<LogprobRow>& rows,
                          const LogprobOptions& options,
                          SampleJournal& journal) {
  options.validate();
  EvaluatedRows evaluated;
  const std::vector<size_t> waiting = journal.waiting();
  Progress progress("eval logprob",
                    static_cast<int64_t>(rows.size()),
                    "rows",
                    static_cast<int64_t>(rows.size() - waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  const torch::InferenceMode inference;
  for (size_t begin = 0; begin < waiting.size();) {
    const size_t end = batch_end(rows, waiting, begin, options.batch_tokens);
    std::vector<std::vector<int64_t>> sequences;
    for (size_t i = begin; i < end; ++i) sequences.push_back(rows[waiting[i]].tokens);
    const auto logprobs =
        token_logprobs(subject.model, sequences, /*first=*/{}, subject.masked_heads);
    for (size_t i = begin; i < end; ++i) {
      const LogprobRow& row = rows[waiting[i]];
      journal.finish(waiting[i], to_prediction(row, logprobs[i - begin]));
      evaluated.tokens_now += static_cast<int64_t>(row.tokens.size());
    }
    progress.advance(static_cast<int64_t>(end - begin));
    begin = end;
  }
  progress.finish();
  evaluated.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return evaluated;
}

Json logprob_results_json(const std::vector<Json>& predictions) {
  Total all;
  Total completion;
  int64_t completions = 0;
  for (const Json& prediction : predictions) {
    const Total row = total_from(prediction["logprobs"], 0);
    all.sum += row.sum;
    all.tokens += row.tokens;
    if (!prediction.contains("completion_start")) continue;
    const Total part =
        total_from(prediction["logprobs"], prediction["completion_start"].get<int64_t>());
    completion.sum += part.sum;
    completion.tokens += part.tokens;
    ++completions;
  }
  Json results = {
      {"suite", "logprob"},
      {"rows", predictions.size()},
      {"tokens", all.tokens},
      {"sum", all.sum},
      {"mean", all.mean()},
      {"perplexity",
       all.tokens == 0 ? Json() : Json(std::exp(-all.sum / static_cast<double>(all.tokens)))}};
  if (completions > 0) {
    results["completion"] = {{"rows", completions},
                             {"tokens", completion.tokens},
                             {"sum", completion.sum},
                             {"mean", completion.mean()}};
  }
  return results;
}

}  // namespace retmask::eval
