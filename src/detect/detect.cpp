#include "retmask/detect/detect.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "detection_row.h"
#include "retmask/base/progress.h"
#include "retmask/engine/generator.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::detect {
namespace {

// Stop tokens of the published implementation; the first is the newline in Llama-2's vocabulary.
constexpr const char* kReferenceStopToken = "<0x0A>";
constexpr int64_t kReferenceStopId = 144;

std::vector<int64_t> stop_ids(const DetectSubject& subject, StopRule rule) {
  if (rule == StopRule::eos) return subject.eos_token_ids;
  std::vector<int64_t> ids = {kReferenceStopId};
  if (const auto id = subject.tokenizer.token_id(kReferenceStopToken)) ids.push_back(*id);
  return ids;
}

// Greedy, without masked heads.
GenerationRequest make_request(const niah::Sample& sample,
                               const DetectOptions& options,
                               const std::vector<int64_t>& stop) {
  GenerationRequest request;
  request.prompt = sample.prompt;
  request.max_new_tokens = options.grid.max_new_tokens;
  request.stop_ids = stop;
  return request;
}

}  // namespace

int64_t DetectResult::num_right() const {
  return std::count_if(detections.begin(), detections.end(), [](const Detection& detection) {
    return detection.verdict.right;
  });
}

DetectResult run_detection(const DetectSubject& subject,
                           const std::vector<niah::Sample>& samples,
                           const DetectOptions& options,
                           Journal& journal) {
  std::vector<std::optional<Json>> rows = niah::finished_rows(journal, samples);
  std::vector<size_t> waiting;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (!rows[i]) waiting.push_back(i);
  }

  const std::vector<int64_t> stop = stop_ids(subject, options.stop);
  std::vector<GenerationRequest> requests;
  std::vector<CopyCounter> counters;
  for (const size_t i : waiting) {
    requests.push_back(make_request(samples[i], options, stop));
    counters.emplace_back(samples[i], options.scoring);
  }

  const auto total = static_cast<int64_t>(samples.size());
  Progress progress("detect", total, "samples", total - static_cast<int64_t>(waiting.size()));
  const auto start = std::chrono::steady_clock::now();
  Generator generator(subject.model, {.max_batch_size = options.batch_size});
  generator.run(
      source_of(requests),
      [&](size_t request, size_t /*continuation*/, const GenerationResult& answer) {
        const niah::Sample& sample = samples[waiting[request]];
        Detection detection;
        detection.answer = subject.tokenizer.decode(answer.tokens, /*skip_special_tokens=*/true);
        // The published implementation also counts right answers if it did not find the needle in
        // the prompt (all scores 0).
        detection.verdict =
            niah::judge(sample, detection.answer, /*needs_span=*/options.scoring == Scoring::set);
        detection.scores = counters[request].scores();
        Json row = to_row(sample, detection);
        journal.append(row);
        rows[waiting[request]] = std::move(row);
        progress.advance();
      },
      [&](size_t request, size_t, int64_t token, const torch::Tensor& largest_keys) {
        counters[request].observe(token, largest_keys);
      });
  progress.finish();

  DetectResult result;
  result.answered_now = static_cast<int64_t>(waiting.size());
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::vector<Json> ordered;
  for (const auto& row : rows) {
    ordered.push_back(row.value());
    result.detections.push_back(from_row(*row, journal.path().string()));
  }
  if (ordered != journal.rows()) write_json_lines(journal.path(), ordered);
  return result;
}

}  // namespace retmask::detect
