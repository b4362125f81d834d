#pragma once
// Selection of the heads to mask.

#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/mask/options.h"
#include "retmask/model/heads.h"

namespace retmask::mask {

// Returns the heads to mask, by (layer, head). `means`, of all heads of the model, may be null if
// options.heads is given. Throws UserError if the model has too few heads or no head reaches the
// threshold.
std::vector<Head> select_heads(const SelectOptions& options,
                               const ModelConfig& config,
                               const HeadMeans* means);

}  // namespace retmask::mask
