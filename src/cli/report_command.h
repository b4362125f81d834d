#pragma once
// retmask report: combines several runs into one page.

#include "common.h"

namespace retmask::cli {

Command setup_report(CLI::App& root);

}  // namespace retmask::cli
