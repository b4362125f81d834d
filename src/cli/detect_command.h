#pragma once
// retmask detect: finds the heads that copy facts out of the context.

#include "common.h"

namespace retmask::cli {

Command setup_detect(CLI::App& root);

}  // namespace retmask::cli
