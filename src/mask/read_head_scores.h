#pragma once
// head_scores.json of a given model.

#include <filesystem>

#include "retmask/base/head_scores.h"
#include "retmask/model/config.h"

namespace retmask::mask {

// Throws UserError unless the file lists each head of the model, with at least one score:
// parse_head_scores().
HeadScores read_head_scores(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace retmask::mask
