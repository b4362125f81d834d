#include "harnesses.h"
#include "read_heads.h"
#include "retmask/base/error.h"
#include "retmask/model/heads.h"
#include "scratch_file.h"

namespace retmask::fuzz {

// Reads mask.json, and heads in any form, for a model with 4 layers of 4 heads of 2 values.
void read_mask(std::string_view bytes) {
  static const ScratchFile scratch("mask.json");
  ModelConfig config;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 2;
  config.layers.resize(4);
  const auto& path = scratch.holding(bytes);
  try {
    read_mask_file(path, config);
  } catch (const UserError&) {
  }
  mask::read_heads(path, config);
}

}  // namespace retmask::fuzz
