#include "retmask/eval/answer_samples.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "metrics.h"
#include "request_order.h"
#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/base/utf8.h"
#include "retmask/engine/generator.h"
#include "retmask/tokenizer/stop_strings.h"

namespace retmask::eval {
namespace {

// The part of a row that identifies its sample.
Json identity_of(const Sample& sample) {
  Json row = {{"id", sample.id}, {"task", sample.task}};
  if (sample.length) row["length"] = *sample.length;
  row.update(sample.meta);
  row["prompt_tokens"] = sample.prompt.size();
  return row;
}

Json row_of(const Sample& sample, Json answer) {
  Json row = identity_of(sample);
  row["answer"] = std::move(answer);
  row["references"] = sample.references;
  row["metric"] = sample.metric;
  return row;
}

bool is_row_of(const Json& row, const Sample& sample) {
  Json expected = identity_of(sample);
  expected["references"] = sample.references;
  expected["metric"] = sample.metric;
  for (const auto& [key, value] : expected.items()) {
    if (!row.contains(key) || row[key] != value) return false;
  }
  return true;
}

std::vector<Json> finished_rows(const Journal& journal, const std::vector<Sample>& samples) {
  std::map<std::string, size_t> index_of;
  for (size_t i = 0; i < samples.size(); ++i) {
    RETMASK_CHECK(index_of.emplace(samples[i].id, i).second, "two samples are ", samples[i].id);
  }
  std::vector<Json> rows(samples.size());
  for (const Json& row : journal.rows()) {
    const auto found = index_of.find(json_get<std::string>(row, "id", journal.path().string()));
    if (found == index_of.end() || !is_row_of(row, samples[found->second])) {
      user_error(journal.path(), " holds samples of another run; give another --out");
    }
    rows[found->second] = row;
  }
  return rows;
}

std::string too_long(const Sample& sample, int64_t max_positions) {
  return detail::concat("the prompt has ",
                        sample.prompt.size(),
                        " tokens, which with ",
                        sample.max_new_tokens,
                        " new ones exceeds the model's maximum of ",
                        max_positions);
}

// Stop strings of a sample; null if it has none.
std::unique_ptr<const StopStrings> stop_strings(const Subject& subject, const Sample& sample) {
  if (sample.stop.empty()) return nullptr;
  return std::make_unique<const StopStrings>(subject.tokenizer, sample.stop);
}

struct Request {
  size_t sample = 0;
  std::shared_ptr<const StopStrings> stop = {};
  GenerationRequest request = {};
};

Request make_request(const Subject& subject, const Sample& sample, size_t index) {
  Request made{.sample = index, .stop = stop_strings(subject, sample)};
  made.request.prompt = sample.prompt;
  made.request.continuations = {{.masked_heads = subject.masked_heads, .random = {}}};
  made.request.max_new_tokens = sample.max_new_tokens;
  made.request.stop_ids = subject.eos_token_ids;
  if (made.stop != nullptr) {
    made.request.stop_rule = [stop = made.stop](std::span<const int64_t> tokens) {
      return stop->end_with(tokens);
    };
  }
  return made;
}

std::string answer_text(const Subject& subject,
                        const Request& request,
                        const GenerationResult& result) {
  if (request.stop != nullptr) return request.stop->text_before(result.tokens);
  return subject.tokenizer.decode(result.tokens, /*skip_special_tokens=*/true);
}

}  // namespace

void AnswerOptions::validate() const {
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
}

int64_t SampleAnswers::num_errors() const {
  return std::count_if(
      rows.begin(), rows.end(), [](const Json& row) { return row.contains("error"); });
}

SampleAnswers answer_samples(const Subject& subject,
                             const std::vector<Sample>& samples,
                             const AnswerOptions& options,
                             Journal& journal) {
  options.validate();
  SampleAnswers answers;
  answers.rows = finished_rows(journal, samples);
  const auto keep = [&](size_t sample, Json row) {
    journal.append(row);
    answers.rows[sample] = std::move(row);
  };

  const int64_t max_positions = subject.model.config().max_positions;
  std::vector<size_t> waiting;
  std::vector<std::span<const int64_t>> prompts;
  int64_t longest = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (!answers.rows[i].is_null()) continue;
    const int64_t tokens =
        static_cast<int64_t>(samples[i].prompt.size()) + samples[i].max_new_tokens;
    if (tokens > max_positions) {
      Json row = row_of(samples[i], nullptr);
      row["score"] = nullptr;
      row["error"] = too_long(samples[i], max_positions);
      keep(i, std::move(row));
      continue;
    }
    waiting.push_back(i);
    prompts.emplace_back(samples[i].prompt);
    longest = std::max(longest, tokens);
  }
  std::vector<Request> requests;
  for (const size_t i : request_order(prompts)) {
    requests.push_back(make_request(subject, samples[waiting[i]], waiting[i]));
  }

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress(options.title, total, "samples", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  const auto source = [&, next = size_t{0}]() mutable -> std::optional<GenerationRequest> {
    if (next == requests.size()) return std::nullopt;
    return requests[next++].request;
  };
  const auto on_finish = [&](size_t index, size_t, const GenerationResult& result) {
    const Request& request = requests[index];
    const Sample& sample = samples[request.sample];
    // Repaired before it is judged, as it is in the file.
    Json row = row_of(sample, lossy_utf8(answer_text(subject, request, result)));
    score_row(row, sample.id);
    keep(request.sample, std::move(row));
    ++answers.answered_now;
    answers.prompt_tokens_now += static_cast<int64_t>(sample.prompt.size());
    answers.new_tokens_now += static_cast<int64_t>(result.tokens.size());
    progress.advance();
  };
  if (!requests.empty()) {
    Generator(subject.model,
              {.max_batch_size = options.batch_size,
               .max_sequence_tokens = longest,
               .prefix_cache = true})
        .run(source, on_finish);
  }
  progress.finish();
  answers.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (answers.rows != journal.rows()) write_json_lines(journal.path(), answers.rows);
  return answers;
}

}  // namespace retmask::eval
