#pragma once
// The contents of tokenizer.json. The vocabulary and the merges, which are nearly all of it, are
// stored in their own lists directly.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::text {

struct TokenizerJson {
  std::vector<std::pair<std::string, int32_t>> vocabulary;  // model.vocab
  std::vector<std::pair<std::string, std::string>> merges;  // model.merges, "a b" or ["a", "b"]
  bool has_merges = false;                                  // a list, which may be empty
  Json rest;                                                // the file without those two
};

// Throws UserError with file and reason.
TokenizerJson read_tokenizer_json(const std::filesystem::path& path);

}  // namespace retmask::text
