#pragma once
// synthesize's flags that choose the heads to switch off by their scores, as the mask command does.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common.h"
#include "retmask/mask/mask.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::cli {

// --top-k is taken by sampling, hence the longer names.
struct MaskFlags {
  std::filesystem::path scores;     // head_scores.json
  std::optional<int64_t> top_k;     // --mask-top-k
  std::optional<double> threshold;  // --mask-threshold
  std::vector<std::string> heads;   // --heads: instead of scores
};

void add_mask_flags(Command& command, MaskFlags& flags);

// What mask::run() is to do, which writes mask.json into the folder of the run; nothing when --mask
// names a file or no heads are to be masked. Throws UserError.
std::optional<mask::Options> mask_options(const MaskFlags& flags,
                                          const synthesize::Options& options,
                                          uint64_t seed);

}  // namespace retmask::cli
