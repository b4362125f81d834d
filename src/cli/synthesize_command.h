#pragma once
// retmask synthesize: two answers per instruction and the preference pairs they make.

#include "common.h"

namespace retmask::cli {

Command setup_synthesize(CLI::App& root);

}  // namespace retmask::cli
