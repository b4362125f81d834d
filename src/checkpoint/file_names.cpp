#include "file_names.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace retmask {
namespace {

// Named one by one: whatever else lies in the source folder (run.json, metrics.jsonl) belongs to
// the run that wrote it.
constexpr std::array<std::string_view, 17> kCarried{
    kGenerationConfigFile,
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "NOTICE",
    "NOTICE.txt",
    "USE_POLICY.md",
};

}  // namespace

std::string shard_file_name(size_t index, size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

bool is_weight_file(std::string_view name) {
  if (name == kSingleFile || name == kIndexFile) return true;
  return name.starts_with("model-") && name.find("-of-") != std::string_view::npos &&
         name.ends_with(".safetensors");
}

bool is_carried_file(std::string_view name) {
  return std::find(kCarried.begin(), kCarried.end(), name) != kCarried.end();
}

}  // namespace retmask
