#pragma once
// theta' as a checkpoint: theta with the columns of W_o that read the masked heads set to zero.

#include <filesystem>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/heads.h"

namespace retmask::mask {

// Streams the tensors of `checkpoint` to the folder `out`, unchanged except for W_o's columns; at
// most one W_o is in memory. Biases are kept: o_proj.bias belongs to the layer's output, not to a
// head. Throws UserError if the tensors do not match the config or `out` cannot be written.
void save_masked_checkpoint(const Checkpoint& checkpoint,
                            const ModelConfig& config,
                            const std::vector<Head>& heads,
                            const std::filesystem::path& out,
                            const SaveOptions& options = {});

}  // namespace retmask::mask
