#include "retmask/eval/answer_samples.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <span>

#include "metrics.h"
#include "request_order.h"
#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/base/utf8.h"
#include "retmask/engine/generator.h"
#include "retmask/tokenizer/stop_strings.h"

namespace retmask::eval {
namespace {

// The beginning of a row.
Json head_of_row(const Sample& sample) {
  Json row = {{"id", sample.id}, {"task", sample.task}};
  if (sample.length) row["length"] = *sample.length;
  row.update(sample.meta);
  row["prompt_tokens"] = sample.prompt.size();
  return row;
}

Json row_of(const Sample& sample, Json answer) {
  Json row = head_of_row(sample);
  row["answer"] = std::move(answer);
  row["references"] = sample.references;
  row["metric"] = sample.metric;
  return row;
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

Request make_request(const Subject& subject, const Sample& sample, size_t index, uint64_t seed) {
  Request made{.sample = index, .stop = stop_strings(subject, sample)};
  made.request.prompt = sample.prompt;
  made.request.continuations = {
      {.masked_heads = subject.masked_heads, .random = RandomStream(seed, sample.id)}};
  made.request.sampling = sample.sampling;
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

SampleJournal open_journal(const std::filesystem::path& path, const std::vector<Sample>& samples) {
  std::set<std::string> ids;
  std::vector<Json> identities;
  for (const Sample& sample : samples) {
    RETMASK_CHECK(ids.insert(sample.id).second, "two samples are ", sample.id);
    Json identity = head_of_row(sample);
    identity["references"] = sample.references;
    identity["metric"] = sample.metric;
    identities.push_back(std::move(identity));
  }
  return SampleJournal(path, identities);
}

Json answered_row(const Sample& sample, const std::string& answer) {
  // Repaired before it is judged, as it is in the file.
  Json row = row_of(sample, lossy_utf8(answer));
  score_row(row, sample.id);
  return row;
}

Json error_row(const Sample& sample, const std::string& error) {
  Json row = row_of(sample, nullptr);
  row["score"] = nullptr;
  row["error"] = error;
  return row;
}

AnsweredSamples answer_samples(const Subject& subject,
                               const std::vector<Sample>& samples,
                               const AnswerOptions& options,
                               SampleJournal& journal) {
  options.validate();
  const int64_t max_positions = subject.model.config().max_positions;
  std::vector<size_t> fitting;
  std::vector<std::span<const int64_t>> prompts;
  int64_t longest = 0;
  for (const size_t i : journal.waiting()) {
    const int64_t tokens =
        static_cast<int64_t>(samples[i].prompt.size()) + samples[i].max_new_tokens;
    if (tokens > max_positions) {
      journal.finish(i, error_row(samples[i], too_long(samples[i], max_positions)));
      continue;
    }
    fitting.push_back(i);
    prompts.emplace_back(samples[i].prompt);
    longest = std::max(longest, tokens);
  }
  std::vector<Request> requests;
  for (const size_t i : request_order(prompts)) {
    requests.push_back(make_request(subject, samples[fitting[i]], fitting[i], options.seed));
  }

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress(options.title, total, "samples", total - static_cast<int64_t>(fitting.size()));
  const auto start = std::chrono::steady_clock::now();
  const auto source = [&, next = size_t{0}]() mutable -> std::optional<GenerationRequest> {
    if (next == requests.size()) return std::nullopt;
    return requests[next++].request;
  };
  const auto on_finish = [&](size_t index, size_t, const GenerationResult& result) {
    const Request& request = requests[index];
    journal.finish(request.sample,
                   answered_row(samples[request.sample], answer_text(subject, request, result)));
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
  return {
      .answered_now = static_cast<int64_t>(requests.size()),
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

}  // namespace retmask::eval
