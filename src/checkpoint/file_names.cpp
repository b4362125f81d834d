#include "file_names.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace retmask {
namespace {

// Copied in addition to kTextFiles. Listed one by one: anything else in the source folder
// (run.json, metrics.jsonl) belongs to the run that wrote it.
constexpr std::array<std::string_view, 7> kOtherCarried{
    "vocab.txt",  // no tokenizer supported here uses it
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
  const auto holds = [name](const auto& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return holds(kTextFiles) || holds(kOtherCarried);
}

}  // namespace retmask
