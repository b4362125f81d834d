#pragma once
// The "post_processor" of tokenizer.json: ids added around a text.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::text {

struct PostProcessor {
  std::vector<int64_t> before;
  std::vector<int64_t> after;
  bool trims_spans = false;  // ByteLevel's trim_offsets
};

// ByteLevel (which affects only the places of tokens), TemplateProcessing, Sequence; empty for JSON
// null. Throws UserError, which names `where`, for any other type.
PostProcessor make_post_processor(const Json& json, const std::string& where);

}  // namespace retmask::text
