#pragma once
// synthesize's flags that select the heads to mask, as the mask command does.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common.h"
#include "retmask/mask/mask.h"
#include "retmask/synthesize/options.h"

namespace retmask::cli {

// --top-k is a sampling flag, hence the longer names.
struct MaskFlags {
  std::filesystem::path scores;     // head_scores.json
  std::optional<int64_t> top_k;     // --mask-top-k
  std::optional<double> threshold;  // --mask-threshold
  std::vector<std::string> heads;   // --heads: instead of scores
};

void add_mask_flags(Command& command, MaskFlags& flags);

// Options for mask::run(), which writes mask.json into the run's folder; nothing if --mask is given
// or no heads are masked. Throws UserError.
std::optional<mask::Options> mask_options(const MaskFlags& flags,
                                          const synthesize::Options& options,
                                          uint64_t seed);

}  // namespace retmask::cli
