#pragma once
// retmask mask: a checkpoint, or a mask.json, with attention heads switched off.

#include "common.h"

namespace retmask::cli {

Command setup_mask(CLI::App& root);

}  // namespace retmask::cli
