#pragma once
// Heads of a given model from a file of any known form.

#include <filesystem>

#include "retmask/heads/head_list.h"
#include "retmask/model/config.h"

namespace retmask::mask {

// The file's heads as query heads of the model: see read_head_list(). Throws UserError if they do
// not fit the model: other head counts, heads that it does not have, and a head_scores.json that
// lacks some of its heads.
HeadList read_heads(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace retmask::mask
