#include "retmask/model/activation_checkpointing.h"

#include "retmask/base/enum_names.h"

namespace retmask {

namespace {

constexpr EnumNames<ActivationCheckpointing, 3> kModeNames{{{
    {ActivationCheckpointing::none, "none"},
    {ActivationCheckpointing::selective, "selective"},
    {ActivationCheckpointing::full, "full"},
}}};

}  // namespace

std::string to_string(ActivationCheckpointing mode) { return kModeNames.name_of(mode); }

ActivationCheckpointing parse_activation_checkpointing(const std::string& name) {
  return kModeNames.parse("--activation-checkpointing", name, /*also=*/"auto");
}

}  // namespace retmask
