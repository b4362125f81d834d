#pragma once
// retmask eval: how good a model is, with any heads switched off.

#include "common.h"

namespace retmask::cli {

Command setup_eval(CLI::App& root);

}  // namespace retmask::cli
