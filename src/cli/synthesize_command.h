#pragma once
// retmask synthesize: generates two answers per prompt and writes preference pairs.

#include "common.h"

namespace retmask::cli {

Command setup_synthesize(CLI::App& root);

}  // namespace retmask::cli
