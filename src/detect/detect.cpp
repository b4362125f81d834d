#include "retmask/detect/detect.h"

#include <algorithm>
#include <chrono>

#include "detection_row.h"
#include "head_scorer.h"
#include "retmask/niah/answer_samples.h"

namespace retmask::detect {
namespace {

std::unique_ptr<HeadScorer> make_scorer(const ScorerInput& input) {
  switch (input.options.scorer) {
    case Scorer::copy:
      return make_copy_scorer(input);
    case Scorer::logit:
      return make_logit_scorer(input);
    case Scorer::query:
      return make_query_scorer(input);
    case Scorer::ablation:
      return make_ablation_scorer(input);
  }
  throw InternalError("unknown scorer");
}

}  // namespace

int64_t Result::num_right() const {
  return std::ranges::count_if(detections, [](const Detection& detection) {
    return detection.answered && detection.verdict.right;
  });
}

int64_t Result::num_counted() const {
  return std::ranges::count_if(detections, &Detection::counts);
}

Result run(const Subject& subject,
           const std::vector<niah::Sample>& samples,
           const Options& options,
           SampleJournal journal) {
  options.validate();
  const auto scorer = make_scorer({subject, samples, options});
  const std::vector<size_t> waiting = niah::waiting_in_prefix_order(journal, samples);
  const auto [unit, per_sample] = scorer->unit();
  Progress progress("detect",
                    static_cast<int64_t>(samples.size()) * per_sample,
                    unit,
                    static_cast<int64_t>(samples.size() - waiting.size()) * per_sample);
  const auto start = std::chrono::steady_clock::now();
  scorer->score(waiting, progress, [&](size_t sample, const Detection& detection) {
    journal.finish(sample, to_row(samples[sample], detection, options.scorer));
  });
  progress.finish();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  Result result = finished_result(std::move(journal));
  result.answered_now = static_cast<int64_t>(waiting.size());
  result.seconds = seconds;
  result.computed_tokens = scorer->times().prompt_tokens;
  result.reused_tokens = scorer->times().reused_tokens;
  return result;
}

Result finished_result(SampleJournal journal) {
  Result result;
  const std::string where = journal.path().string();
  for (const Json& row : std::move(journal).close())
    result.detections.push_back(from_row(row, where));
  return result;
}

}  // namespace retmask::detect
