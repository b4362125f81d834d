#pragma once
// The trained weights as a checkpoint folder.

#include <filesystem>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/distributed/process_group.h"
#include "retmask/model/model.h"
#include "sharded_parameters.h"

namespace retmask::train {

// Writes the float32 weights, rounded to `dtype`, with `source`'s config and tokenizer. Collective:
// rank 0 gathers and writes one unit at a time, so no host holds more than one unit in addition to
// its own share. Throws UserError.
void save_final_model(const CausalLm& model,
                      const Checkpoint& source,
                      const std::filesystem::path& dir,
                      TensorType dtype,
                      const SaveOptions& options,
                      ShardedParameters& parameters,
                      const distributed::ProcessGroup& group);

}  // namespace retmask::train
