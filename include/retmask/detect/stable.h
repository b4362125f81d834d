#pragma once
// detect --until-stable: answers samples in rounds until the selected heads stop changing.

#include <filesystem>
#include <span>
#include <vector>

#include "retmask/detect/certainty.h"
#include "retmask/detect/detect.h"

namespace retmask::detect {

// Samples of a round, and rounds after which the same heads must have been selected.
constexpr int64_t kRoundSamples = 10;
constexpr int64_t kEqualRounds = 3;
// And split_half_agreement() must be at least this.
constexpr double kStableAgreement = 0.9;

struct SampledRun {
  Result result;                      // of `samples`
  std::vector<niah::Sample> samples;  // the answered ones, in the order of the grid
  bool stable = false;                // false if the grid ended before
};

// Whether the rounds may end after these samples, which are in the order of the rounds.
bool is_stable(std::span<const Detection> in_order,
               const ModelConfig& config,
               const CertaintyOptions& options);

// Takes the samples in a random order (of options.seed). Stops after the first round at whose end
// the heads at options.threshold are the same, and at least one, as after each of the two rounds
// before, and the halves of the samples agree. `journal`: path of samples.jsonl. A stopped run
// continues in the round in which it was stopped, and samples answered by a run without
// --until-stable are all used.
SampledRun run_until_stable(const Subject& subject,
                            const std::vector<niah::Sample>& samples,
                            const Options& options,
                            const CertaintyOptions& certainty,
                            const std::filesystem::path& journal);

// summary.json's "until_stable": {"stable", "samples", "of": size of the grid,
// "samples_per_round", "equal_rounds", "least_agreement"}.
Json stable_json(const SampledRun& run, size_t grid_size);

}  // namespace retmask::detect
