#include "retmask/niah/answer_samples.h"

#include <chrono>
#include <optional>

#include "retmask/base/progress.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::niah {

AnsweredSamples answer_samples(const InferenceLm& model,
                               const std::vector<Sample>& samples,
                               const AnswerLoop& loop,
                               Journal& journal) {
  std::vector<std::optional<Json>> rows = finished_rows(journal, samples);
  std::vector<size_t> waiting;
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (rows[i]) continue;
    waiting.push_back(i);
    requests.push_back(loop.request(i));
  }

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress(loop.name, total, "samples", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  StepObserver observer;
  if (loop.observe) {
    observer = [&](size_t request, size_t, int64_t token, const torch::Tensor& largest_keys) {
      loop.observe(waiting[request], token, largest_keys);
    };
  }
  Generator(model, {.max_batch_size = loop.batch_size})
      .run(
          source_of(requests),
          [&](size_t request, size_t, const GenerationResult& answer) {
            Json row = loop.row(waiting[request], answer);
            journal.append(row);
            rows[waiting[request]] = std::move(row);
            progress.advance();
          },
          observer);
  progress.finish();

  AnsweredSamples answered;
  answered.answered_now = static_cast<int64_t>(waiting.size());
  answered.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (auto& row : rows) answered.rows.push_back(std::move(row).value());
  if (answered.rows != journal.rows()) write_json_lines(journal.path(), answered.rows);
  return answered;
}

}  // namespace retmask::niah
