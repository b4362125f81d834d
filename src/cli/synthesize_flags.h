#pragma once
// Flags of synthesize.

#include <cstdint>
#include <string>
#include <vector>

#include "common.h"
#include "endpoint_flags.h"
#include "mask_flags.h"
#include "retmask/synthesize/options.h"
#include "worker_flags.h"

namespace retmask::cli {

struct SynthesizeCommandOptions {
  synthesize::Options synthesize;
  std::string strategy = to_string(synthesize::Strategy::automatic);
  MaskFlags mask;
  EndpointFlags endpoints;
  std::string turns = "first";
  std::string thinking = "keep";
  WorkerFlags workers;
  std::vector<std::string> template_variables;  // NAME=VALUE
};

// `options` must outlive the command.
void add_synthesize_flags(Command& command, SynthesizeCommandOptions& options);

}  // namespace retmask::cli
