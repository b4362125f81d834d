#pragma once
// What the forward pass keeps for the backward pass (Chen et al. 2016).

#include <string>

namespace retmask {

enum class ActivationCheckpointing {
  none,       // whatever is needed
  selective,  // not what norms and SwiGLU put out: cheap to compute again, a third of the memory
  full,       // each layer's input alone: one more forward pass
};

std::string to_string(ActivationCheckpointing mode);
// Throws UserError with the known names.
ActivationCheckpointing parse_activation_checkpointing(const std::string& name);

}  // namespace retmask
