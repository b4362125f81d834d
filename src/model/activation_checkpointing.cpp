#include "retmask/model/activation_checkpointing.h"

#include "retmask/base/error.h"

namespace retmask {

std::string to_string(ActivationCheckpointing mode) {
  switch (mode) {
    case ActivationCheckpointing::none:
      return "none";
    case ActivationCheckpointing::selective:
      return "selective";
    case ActivationCheckpointing::full:
      return "full";
  }
  RETMASK_CHECK(false, "activation checkpointing ", static_cast<int>(mode));
}

ActivationCheckpointing parse_activation_checkpointing(const std::string& name) {
  using enum ActivationCheckpointing;
  for (const auto mode : {none, selective, full}) {
    if (name == to_string(mode)) return mode;
  }
  user_error(
      "--activation-checkpointing is \"", name, "\", expected auto, none, selective or full");
}

}  // namespace retmask
