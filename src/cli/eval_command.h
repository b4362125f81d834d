#pragma once
// retmask eval: evaluates a model, optionally with masked heads.

#include "common.h"

namespace retmask::cli {

Command setup_eval(CLI::App& root);

}  // namespace retmask::cli
