#pragma once
// Golden files and small tokenizer folders.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "retmask/base/file.h"
#include "retmask/base/json.h"
#include "retmask/tokenizer/tokenizer.h"
#include "unit/support/golden_files.h"
#include "unit/support/temp_dir.h"

namespace retmask::testing {

// A tokenizer.json with the single bytes a, b, c and "ab" as vocabulary, for tests that change one
// setting.
inline Json small_tokenizer() {
  return Json::parse(R"({
    "version": "1.0",
    "added_tokens": [],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": ["a b"]}
  })");
}

inline std::unique_ptr<const Tokenizer> load_tokenizer(const Json& json) {
  const TempDir dir;
  write_json_file(dir / "tokenizer.json", json);
  return Tokenizer::load(dir.path());
}

// `text`, unless `changed` has another one for its number ({"3": "other"}).
inline std::string expected_text(const Json& changed, size_t number, const std::string& text) {
  return changed.value(std::to_string(number), text);
}

}  // namespace retmask::testing
