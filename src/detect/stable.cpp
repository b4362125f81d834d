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
  const std::vector<size_t> waiting = niah::open_journal(path, samples).waiting();
  size_t begun = order.size();
  while (begun > 0 && std::ranges::binary_search(waiting, order[begun - 1])) --begun;
  return begun;
}

// The detections of the first samples of the order, in its order. `result` has them in the order of
// the grid.
std::vector<Detection> in_order(const Result& result, const std::vector<size_t>& order) {
  const size_t count = result.detections.size();
  const std::vector<size_t> answered = first_samples(order, count);
  std::vector<Detection> detections;
  for (size_t i = 0; i < count; ++i) {
    const auto place = std::lower_bound(answered.begin(), answered.end(), order[i]);
    detections.push_back(result.detections[static_cast<size_t>(place - answered.begin())]);
  }
  return detections;
}

}  // namespace

bool is_stable(std::span<const Detection> in_order,
               const ModelConfig& config,
               const CertaintyOptions& options) {
  constexpr auto kRound = static_cast<size_t>(kRoundSamples);
  const auto scores_of = [&](size_t count) {
    const auto first = in_order.first(count);
    return head_scores({.detections = {first.begin(), first.end()}}, config);
  };
  const auto selected = [&](const HeadScores& scores) {
    return heads_at_least(scores.means(), options.threshold);
  };
  if (in_order.size() < kRound * kEqualRounds) return false;
  const HeadScores scores = scores_of(in_order.size());
  const std::vector<Head> heads = selected(scores);
  if (heads.empty()) return false;
  size_t end =
      (in_order.size() - 1) / kRound * kRound;  // of the round before; the last may be short
  for (int64_t round = 1; round < kEqualRounds; ++round, end -= kRound) {
    if (selected(scores_of(end)) != heads) return false;
  }
  return split_half_agreement(scores, options.seed) >= kStableAgreement;
}

SampledRun run_until_stable(const Subject& subject,
                            const std::vector<niah::Sample>& samples,
                            const Options& options,
                            const CertaintyOptions& certainty,
                            const std::filesystem::path& journal) {
  constexpr auto kRound = static_cast<size_t>(kRoundSamples);
  const std::vector<size_t> order = random_order(samples.size(), certainty.seed);
  const size_t begun = begun_samples(journal, samples, order);
  SampledRun run;
  int64_t answered_now = 0;
  double seconds = 0.0;
  for (size_t rounds = std::max<size_t>((begun + kRound - 1) / kRound, 1);; ++rounds) {
    const size_t count = std::min(rounds * kRound, samples.size());
    run.samples.clear();
    for (const size_t index : first_samples(order, count)) run.samples.push_back(samples[index]);
    run.result =
        detect::run(subject, run.samples, options, niah::open_journal(journal, run.samples));
    answered_now += run.result.answered_now;
    seconds += run.result.seconds;
    run.stable = is_stable(in_order(run.result, order), subject.model.config(), certainty);
    if (run.stable || count == samples.size()) break;
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
