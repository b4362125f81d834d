#include "retmask/detect/stable.h"

#include <algorithm>
#include <numeric>

#include "retmask/base/random.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::detect {
namespace {

// The samples in their random order, as indices into the grid.
std::vector<size_t> random_order(size_t count, uint64_t seed) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  RandomStream random(seed, "until stable");
  shuffle(order, random);
  return order;
}

// The first `count` of the order, in the order of the grid.
std::vector<size_t> first_samples(const std::vector<size_t>& order, size_t count) {
  std::vector<size_t> first(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
  std::sort(first.begin(), first.end());
  return first;
}

// How many samples of the order cover all those in the journal, which an earlier start began.
size_t begun_samples(const std::filesystem::path& path,
                     const std::vector<niah::Sample>& samples,
                     const std::vector<size_t>& order) {
  const Journal journal(path);
  const auto rows = niah::finished_rows(journal, samples);
  size_t begun = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (rows[order[i]]) begun = i + 1;
  }
  return begun;
}

// The detections of the samples `wanted` out of those of the samples `answered`; both sorted.
Result part_of(const Result& result,
               const std::vector<size_t>& answered,
               const std::vector<size_t>& wanted) {
  Result part;
  for (size_t i = 0; i < answered.size(); ++i) {
    if (std::binary_search(wanted.begin(), wanted.end(), answered[i]))
      part.detections.push_back(result.detections[i]);
  }
  return part;
}

}  // namespace

SampledRun run_all(const Subject& subject,
                   const std::vector<niah::Sample>& samples,
                   const Options& options,
                   const std::filesystem::path& journal) {
  Journal rows(journal);
  return {.result = run(subject, samples, options, rows), .samples = samples};
}

SampledRun run_until_stable(const Subject& subject,
                            const std::vector<niah::Sample>& samples,
                            const Options& options,
                            const CertaintyOptions& certainty,
                            const std::filesystem::path& journal) {
  constexpr auto kRound = static_cast<size_t>(kRoundSamples);
  const ModelConfig& config = subject.model.config();
  const std::vector<size_t> order = random_order(samples.size(), certainty.seed);
  const auto is_stable = [&](const Result& result, size_t count) {
    if (count < kRound * kEqualRounds) return false;
    const std::vector<size_t> answered = first_samples(order, count);
    const HeadScores scores = head_scores(result, config);
    const std::vector<Head> heads = heads_at_least(scores.means(), certainty.threshold);
    // The last round may be a short one.
    const size_t last_full = (count - 1) / kRound * kRound;
    for (size_t back = 0; back + 1 < kEqualRounds; ++back) {
      const Result before =
          part_of(result, answered, first_samples(order, last_full - back * kRound));
      if (heads_at_least(head_scores(before, config).means(), certainty.threshold) != heads)
        return false;
    }
    return !heads.empty() && split_half_agreement(scores, certainty.seed) >= kStableAgreement;
  };

  SampledRun run;
  const size_t begun = begun_samples(journal, samples, order);
  size_t count = std::max(begun + (kRound - 1), kRound) / kRound * kRound;
  int64_t answered_now = 0;
  double seconds = 0.0;
  while (true) {
    count = std::min(count, samples.size());
    run.samples.clear();
    for (const size_t index : first_samples(order, count)) run.samples.push_back(samples[index]);
    // A run ends by rewriting the journal, so each round opens it anew.
    Journal rows(journal);
    run.result = detect::run(subject, run.samples, options, rows);
    answered_now += run.result.answered_now;
    seconds += run.result.seconds;
    run.stable = is_stable(run.result, count);
    if (run.stable || count == samples.size()) break;
    count += kRound;
  }
  run.result.answered_now = answered_now;
  run.result.seconds = seconds;
  return run;
}

Json stable_json(const SampledRun& run, size_t grid_size) {
  return {{"stable", run.stable},
          {"samples", run.samples.size()},
          {"of", grid_size},
          {"samples_per_round", kRoundSamples},
          {"equal_rounds", kEqualRounds},
          {"least_agreement", kStableAgreement}};
}

}  // namespace retmask::detect
