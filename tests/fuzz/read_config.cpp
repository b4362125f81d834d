#include "harnesses.h"
#include "retmask/base/json.h"
#include "retmask/model/config.h"

namespace retmask::fuzz {

void read_config(std::string_view bytes) {
  const ModelConfig config = parse_model_config(parse_json(bytes, "config.json"), "config.json");
  num_weights(config);
  optional_tensor_names(config);
}

}  // namespace retmask::fuzz
