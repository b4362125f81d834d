#pragma once
// theta' as a checkpoint: theta with the columns of W_o that read the masked heads set to zero. In
// mode mean, o_proj's bias adds what these columns make of the means:
//   b' = b + sum over the layer's masked heads h of W_o[:, columns of h] mean(h)

#include <filesystem>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/heads.h"

namespace retmask::mask {

// Streams the tensors of `checkpoint` to the folder `out`, unchanged except for W_o's columns and,
// in mode mean, o_proj's biases; at most one W_o is in memory. Mode zero keeps the biases: they
// belong to the layer's output, not to a head. In mode mean, a model without biases gets all those
// of its attention, zeros but for o_proj's, because config.json has one switch for them
// (attention_bias). Throws UserError if the tensors do not match the config or `out` cannot be
// written.
void save_masked_checkpoint(const Checkpoint& checkpoint,
                            const ModelConfig& config,
                            const HeadMask& mask,
                            const std::filesystem::path& out,
                            const SaveOptions& options = {});

}  // namespace retmask::mask
