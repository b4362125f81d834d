#include "retmask/niah/answer_samples.h"

#include <algorithm>
#include <chrono>
#include <span>

#include "retmask/base/progress.h"

namespace retmask::niah {

GeneratorOptions generator_options(const std::vector<Sample>& samples,
                                   int64_t batch_size,
                                   int64_t max_new_tokens) {
  size_t longest = 0;
  for (const Sample& sample : samples) longest = std::max(longest, sample.prompt.size());
  return {.max_batch_size = batch_size,
          .max_sequence_tokens = static_cast<int64_t>(longest) + max_new_tokens,
          .prefix_cache = true};
}

std::vector<size_t> waiting_in_prefix_order(const SampleJournal& journal,
                                            const std::vector<Sample>& samples) {
  const std::vector<size_t> waiting = journal.waiting();
  std::vector<std::span<const int64_t>> prompts;
  for (const size_t sample : waiting) prompts.emplace_back(samples[sample].prompt);
  std::vector<size_t> ordered;
  for (const size_t i : prefix_order(prompts)) ordered.push_back(waiting[i]);
  return ordered;
}

AnsweredSamples answer_samples(const InferenceLm& model,
                               const std::vector<Sample>& samples,
                               const AnswerLoop& loop,
                               SampleJournal& journal) {
  const std::vector<size_t> waiting = waiting_in_prefix_order(journal, samples);
  std::vector<GenerationRequest> requests;
  for (const size_t sample : waiting) requests.push_back(loop.request(sample));

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress(loop.name, total, "samples", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  Generator(model, loop.generation)
      .run(source_of(requests), [&](size_t request, size_t, const GenerationResult& answer) {
        journal.finish(waiting[request], loop.row(waiting[request], answer));
        progress.advance();
      });
  progress.finish();

  return {
      .answered_now = static_cast<int64_t>(waiting.size()),
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

}  // namespace retmask::niah
