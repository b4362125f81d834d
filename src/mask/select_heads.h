#pragma once
// Selection of the heads to mask.

#include <vector>

#include "retmask/heads/head_list.h"
#include "retmask/mask/options.h"
#include "retmask/model/heads.h"

namespace retmask::mask {

// Returns the heads to mask, by (layer, head). `list`, of heads of the model, may be null if
// options.heads is given. Throws UserError if the list has too few heads, or for a threshold if it
// has no scores or no head reaches it.
std::vector<Head> select_heads(const SelectOptions& options,
                               const ModelConfig& config,
                               const HeadList* list);

}  // namespace retmask::mask
