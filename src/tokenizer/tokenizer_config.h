#pragma once
// tokenizer_config.json, with special_tokens_map.json behind it.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "added_tokens.h"
#include "retmask/base/json.h"

namespace retmask::text {

struct TokenizerConfig {
  Json json = Json::object();
  Json special_tokens_map = Json::object();
  std::string where;  // the file's path, for messages

  // Files that are not there count as empty.
  static TokenizerConfig load(const std::filesystem::path& dir);

  // The text of "bos_token", "eos_token", ..; nullopt where it is missing or null.
  std::optional<std::string> special_token(const std::string& name) const;
  // All of them that are set: {"bos_token": "<s>", ..}.
  Json special_tokens() const;
  // "added_tokens_decoder": {"0": {"content": ..}, ..}.
  std::vector<AddedToken> added_tokens() const;
};

}  // namespace retmask::text
