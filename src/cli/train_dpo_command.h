#pragma once
// retmask train-dpo: trains a checkpoint on preference pairs.

#include "common.h"

namespace retmask::cli {

Command setup_train_dpo(CLI::App& root);

}  // namespace retmask::cli
