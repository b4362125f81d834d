#include "retmask/detect/detect.h"

#include <algorithm>
#include <map>

#include "detection_row.h"
#include "retmask/niah/answer_samples.h"

namespace retmask::detect {
namespace {

// Stop tokens of the published implementation; the first is the newline in Llama-2's vocabulary.
constexpr const char* kReferenceStopToken = "<0x0A>";
constexpr int64_t kReferenceStopId = 144;

std::vector<int64_t> stop_ids(const Subject& subject, StopRule rule) {
  if (rule == StopRule::eos) return subject.eos_token_ids;
  std::vector<int64_t> ids = {kReferenceStopId};
  if (const auto id = subject.tokenizer.token_id(kReferenceStopToken)) ids.push_back(*id);
  return ids;
}

// Greedy, without masked heads.
GenerationRequest make_request(const niah::Sample& sample,
                               const Options& options,
                               const std::vector<int64_t>& stop) {
  GenerationRequest request;
  request.prompt = sample.prompt;
  request.max_new_tokens = options.grid.max_new_tokens;
  request.stop_ids = stop;
  return request;
}

}  // namespace

int64_t Result::num_right() const {
  return std::count_if(detections.begin(), detections.end(), [](const Detection& detection) {
    return detection.verdict.right;
  });
}

Result run(const Subject& subject,
           const std::vector<niah::Sample>& samples,
           const Options& options,
           Journal& journal) {
  options.validate();
  const std::vector<int64_t> stop = stop_ids(subject, options.stop);
  std::map<size_t, CopyCounter> counters;  // by sample, while it is answered
  const auto request = [&](size_t sample) {
    counters.emplace(sample, CopyCounter(samples[sample], options.scoring));
    return make_request(samples[sample], options, stop);
  };
  const auto row = [&](size_t sample, const GenerationResult& answer) {
    Detection detection;
    detection.answer = subject.tokenizer.decode(answer.tokens, /*skip_special_tokens=*/true);
    // The published implementation also counts right answers if it did not find the needle in
    // the prompt (all scores 0).
    detection.verdict = niah::judge(samples[sample],
                                    detection.answer,
                                    /*needs_span=*/options.scoring == Scoring::set);
    detection.scores = counters.at(sample).scores();
    counters.erase(sample);
    return to_row(samples[sample], detection);
  };
  GeneratorOptions generation =
      niah::generator_options(samples, options.batch_size, options.grid.max_new_tokens);
  generation.kv_cache_bytes = options.kv_cache_bytes;
  const niah::AnsweredSamples answered = niah::answer_samples(
      subject.model,
      samples,
      {.name = "detect",
       .generation = generation,
       .request = request,
       .row = row,
       .observe =
           [&](size_t sample, int64_t token, const torch::Tensor& largest_keys) {
             counters.at(sample).observe(token, largest_keys);
           }},
      journal);

  Result result{.detections = {},
                .answered_now = answered.answered_now,
                .seconds = answered.seconds,
                .computed_tokens = answered.computed_tokens,
                .reused_tokens = answered.reused_tokens};
  for (const Json& finished : answered.rows) {
    result.detections.push_back(from_row(finished, journal.path().string()));
  }
  return result;
}

}  // namespace retmask::detect
