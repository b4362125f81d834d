#pragma once
// One rank's file of a training state, and reading any part of a unit back from all files.

#include <filesystem>
#include <string>

#include "optimizer.h"
#include "retmask/base/json.h"

namespace retmask::train {

// "rank-3.safetensors"
std::string state_file_name(int64_t rank);

// Writes this rank's slices. In stage 0, where every rank holds everything, it writes the even
// slice that the other stages would keep, so any stage can resume from any other's state. Returns
// {"bytes", "sha256"}. Throws UserError.
Json write_state_file(const std::filesystem::path& path,
                      const AdamW& optimizer,
                      const distributed::ProcessGroup& group);

// {"name", "length", "parameters": [{"name", "offset", "shape"}]} of each unit.
Json describe_units(const ShardedParameters& parameters);

// Restores this rank's part from the files of the `ranks` ranks that wrote `folder`. Throws
// UserError when a file does not have the expected tensors.
void read_state_files(const std::filesystem::path& folder, int64_t ranks, AdamW& optimizer);

}  // namespace retmask::train
