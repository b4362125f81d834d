#pragma once
// Activation checkpointing: which activations the forward pass keeps for the backward pass (Chen et
// al. 2016).

#include <string>

namespace retmask {

enum class ActivationCheckpointing {
  none,       // keep everything
  selective,  // recompute norms and SwiGLU: cheap, and a third of the memory
  full,       // keep only each layer's input: one more forward pass
};

std::string to_string(ActivationCheckpointing mode);
// Throws UserError that lists the known names.
ActivationCheckpointing parse_activation_checkpointing(const std::string& name);

}  // namespace retmask
