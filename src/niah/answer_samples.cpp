#include "retmask/niah/answer_samples.h"

#include <algorithm>
#include <chrono>

#include "retmask/base/progress.h"
#include "retmask/niah/sample_journal.h"

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

AnsweredSamples answer_samples(const InferenceLm& model,
                               const std::vector<Sample>& samples,
                               const AnswerLoop& loop,
                               Journal& journal) {
  SampleJournal answers(samples, journal);
  const std::vector<size_t> waiting = answers.waiting();
  std::vector<GenerationRequest> requests;
  for (const size_t sample : waiting) requests.push_back(loop.request(sample));

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress(loop.name, total, "samples", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  Generator(model, loop.generation)
      .run(source_of(requests), [&](size_t request, size_t, const GenerationResult& answer) {
        answers.finish(waiting[request], loop.row(waiting[request], answer));
        progress.advance();
      });
  progress.finish();

  AnsweredSamples answered;
  answered.answered_now = static_cast<int64_t>(waiting.size());
  answered.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  answered.rows = std::move(answers).close();
  return answered;
}

}  // namespace retmask::niah
