#pragma once
// retmask report: one page out of the folders of several runs.

#include "common.h"

namespace retmask::cli {

Command setup_report(CLI::App& root);

}  // namespace retmask::cli
