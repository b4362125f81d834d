#pragma once
// retmask mask: writes a checkpoint with masked attention heads, or only its mask.json.

#include "common.h"

namespace retmask::cli {

Command setup_mask(CLI::App& root);

}  // namespace retmask::cli
