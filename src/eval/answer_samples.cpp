#include "retmask/eval/answer_samples.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <span>

#include "metrics.h"
#include "request_order.h"
#include "retmask/base/error.h"
#include "retmask/base/progress.h"
#include "retmask/base/utf8.h"
#include "retmask/engine/generator.h"
#include "thinking_rule.h"

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

std::string too_long(const Sample& sample, int64_t new_tokens, int64_t max_positions) {
  return detail::concat("the prompt has ",
                        sample.prompt.size(),
                        " tokens, which with ",
                        new_tokens,
                        " new ones exceeds the model's maximum of ",
                        max_positions);
}

AnswerLimits limits_of(const Sample& sample) {
  return {.opens_thinking = sample.opens_thinking,
          .max_new_tokens = sample.max_new_tokens,
          .stop = sample.stop};
}

GenerationRequest make_request(const Subject& subject,
                               const Sample& sample,
                               uint64_t seed,
                               const ThinkingRule& thinking) {
  GenerationRequest request;
  request.prompt = sample.prompt;
  request.continuations = {
      {.masked_heads = subject.masked_heads, .random = RandomStream(seed, sample.id)}};
  request.sampling = sample.sampling;
  request.stop_ids = subject.eos_token_ids;
  thinking.apply(limits_of(sample), request);
  return request;
}

Json row_of_result(const Sample& sample,
                   const ThinkingRule& thinking,
                   const GenerationResult& result) {
  const ThoughtAnswer answer = thinking.read(limits_of(sample), result.tokens);
  Json row = answered_row(sample, answer.answer);
  thinking.add_to_row(answer, row);
  return row;
}

}  // namespace

void AnswerOptions::validate() const {
  if (batch_size < 1) user_error("--batch-size is ", batch_size, ", expected at least 1");
  thinking.validate();
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
  const ThinkingRule thinking(subject.tokenizer, options.thinking);
  const int64_t max_positions = subject.model.config().max_positions;
  std::vector<size_t> fitting;
  std::vector<std::span<const int64_t>> prompts;
  int64_t longest = 0;
  for (const size_t i : journal.waiting()) {
    const int64_t new_tokens = thinking.most_new_tokens(samples[i].max_new_tokens);
    const int64_t tokens = static_cast<int64_t>(samples[i].prompt.size()) + new_tokens;
    if (tokens > max_positions) {
      journal.finish(i, error_row(samples[i], too_long(samples[i], new_tokens, max_positions)));
      continue;
    }
    fitting.push_back(i);
    prompts.emplace_back(samples[i].prompt);
    longest = std::max(longest, tokens);
  }
  std::vector<size_t> asked;  // the samples in the order of their requests
  std::vector<GenerationRequest> requests;
  for (const size_t i : request_order(prompts)) {
    asked.push_back(fitting[i]);
    requests.push_back(make_request(subject, samples[fitting[i]], options.seed, thinking));
  }

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress(options.title, total, "samples", total - static_cast<int64_t>(fitting.size()));
  const auto start = std::chrono::steady_clock::now();
  const auto on_finish = [&](size_t request, size_t, const GenerationResult& result) {
    const size_t sample = asked[request];
    journal.finish(sample, row_of_result(samples[sample], thinking, result));
    progress.advance();
  };
  if (!requests.empty()) {
    Generator(subject.model,
              {.max_batch_size = options.batch_size,
               .max_sequence_tokens = longest,
               .prefix_cache = true})
        .run(source_of(requests), on_finish);
  }
  progress.finish();
  return {
      .answered_now = static_cast<int64_t>(requests.size()),
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

}  // namespace retmask::eval
