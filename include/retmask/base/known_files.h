#pragma once
// Tells our files, and some of their neighbours, from one another: for errors about a file that was
// given in the place of another.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "retmask/base/json.h"

namespace retmask {

enum class KnownFile {
  head_scores,   // {"18-6": [...], ...}
  mask,          // mask.json
  summary,       // of detect
  samples,       // a row of detect's samples.jsonl
  run_record,    // run.json
  results,       // results.json of eval
  pair,          // a row of pairs.jsonl
  answer,        // a row of answers.jsonl
  prompt,        // a row of prompts
  config,        // config.json of a checkpoint
  tokenizer,     // tokenizer.json
  weight_index,  // model.safetensors.index.json
};

// By the keys of a whole file or of a row.
std::optional<KnownFile> recognize(const Json& json);

// " holds head scores (detect's head_scores.json)", or " is not what it should be".
std::string is_what(const Json& json);

// A JSON file of the form `expected`. Throws UserError; JSON Lines are named as what they are.
Json read_named_json(const std::filesystem::path& path,
                     std::string_view what,
                     std::string_view expected);

}  // namespace retmask
