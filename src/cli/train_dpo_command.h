#pragma once
// retmask train-dpo: preference pairs -> trained checkpoint.

#include "common.h"

namespace retmask::cli {

Command setup_train_dpo(CLI::App& root);

}  // namespace retmask::cli
