#pragma once
// Ids put around a text: the "post_processor" of tokenizer.json.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::text {

struct PostProcessor {
  std::vector<int64_t> before;
  std::vector<int64_t> after;
};

// ByteLevel (which only moves offsets), TemplateProcessing, Sequence; nothing for JSON null.
// Throws UserError, which names `where`, for any other type.
PostProcessor make_post_processor(const Json& json, const std::string& where);

}  // namespace retmask::text
