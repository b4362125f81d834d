#include "retmask/niah/answer_samples.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::niah {

namespace {

// Indices of the samples without a row, those whose prompts begin alike next to one another.
std::vector<size_t> waiting_samples(const std::vector<Sample>& samples,
                                    const std::vector<std::optional<Json>>& rows) {
  std::vector<size_t> waiting;
  std::vector<std::span<const int64_t>> prompts;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (rows[i]) continue;
    waiting.push_back(i);
    prompts.emplace_back(samples[i].prompt);
  }
  std::vector<size_t> ordered;
  for (const size_t i : prefix_order(prompts)) ordered.push_back(waiting[i]);
  return ordered;
}

}  // namespace

GeneratorOptions generator_options(const std::vector<Sample>& samples,
                                   int64_t batch_size,
                                   int64_t max_new_tokens) {
  size_t longest = 0;
  for (const Sample& sample : samples) longest = std::max(longest, sample.prompt.size());
  return {.max_batch_size = batch_size,
          .max_sequence_tokens = static_cast<int64_t>(longest) + max_new_tokens,
          .prefix_cache = true};
}

AnsweredSamples answer_samples(const InferenceLm& model,
                               const std::vector<Sample>& samples,
                               const AnswerLoop& loop,
                               Journal& journal) {
  std::vector<std::optional<Json>> rows = finished_rows(journal, samples);
  const std::vector<size_t> waiting = waiting_samples(samples, rows);
  std::vector<GenerationRequest> requests;
  for (const size_t sample : waiting) requests.push_back(loop.request(sample));

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress(loop.name, total, "samples", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  StepObserver observer;
  if (loop.observe) {
    observer = [&](size_t request, size_t, int64_t token, const torch::Tensor& largest_keys) {
      loop.observe(waiting[request], token, largest_keys);
    };
  }
  GenerationTimes times;
  Generator(model, loop.generation)
      .run(
          source_of(requests),
          [&](size_t request, size_t, const GenerationResult& answer) {
            const size_t sample = waiting[request];
            Json row = loop.row(sample, answer);
            journal.append(row);
            rows[sample] = std::move(row);
            progress.advance();
          },
          observer,
          &times);
  progress.finish();

  AnsweredSamples answered;
  answered.answered_now = static_cast<int64_t>(waiting.size());
  answered.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  answered.computed_tokens = times.prompt_tokens;
  answered.reused_tokens = times.reused_tokens;
  if (times.reused_tokens > 0) {
    log::info(detail::concat(loop.name,
                             ": computed ",
                             times.prompt_tokens,
                             " prompt tokens and reused ",
                             times.reused_tokens,
                             " of prompts with the same beginning"));
  }
  for (auto& row : rows) answered.rows.push_back(std::move(row).value());
  if (answered.rows != journal.rows()) write_json_lines(journal.path(), answered.rows);
  return answered;
}

}  // namespace retmask::niah
