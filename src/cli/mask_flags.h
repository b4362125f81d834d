#pragma once
// synthesize's flags that select the heads to mask, as the mask command does.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common.h"
#include "mask_mode_flags.h"
#include "retmask/mask/mask.h"
#include "retmask/synthesize/options.h"

namespace retmask::cli {

// --top-k is a sampling flag, hence the longer names.
struct MaskFlags {
  std::filesystem::path scores;     // head_scores.json
  std::optional<int64_t> top_k;     // --mask-top-k
  std::optional<double> threshold;  // --mask-threshold
  std::vector<std::string> heads;   // --heads: instead of scores
  MaskModeFlags mode;
};

void add_mask_flags(Command& command, MaskFlags& flags);

// How the run gets its mask.json: one of the two writes it into the run's folder. Neither: --mask
// is used as it is, or no heads are masked.
struct MaskPlan {
  std::optional<mask::Options> select = std::nullopt;  // by --scores or --heads
  std::filesystem::path heads_of = {};                 // --mask, whose heads get their means
  MaskModeFlags mode = {};

  bool writes() const { return select.has_value() || !heads_of.empty(); }
};

// Throws UserError.
MaskPlan plan_mask(const MaskFlags& flags, const synthesize::Options& options, uint64_t seed);

// Writes <out>/mask.json if the plan says so, and records the inputs that it is made of, and the
// mode. `mask`: the path of mask.json, empty without masked heads. `ready`: mask.json of the same
// plan, used instead of measuring the means again if it exists.
void write_mask(const MaskPlan& plan,
                const std::filesystem::path& model,
                const std::filesystem::path& mask,
                const std::filesystem::path& ready,
                const CommonOptions& common,
                RunRecord& run);

}  // namespace retmask::cli
