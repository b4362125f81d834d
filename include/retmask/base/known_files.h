#pragma once
// Recognizes retmask's own files and some related ones, for errors about a file given in place of
// another.

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

// Judges by the keys of a whole file or of one row.
std::optional<KnownFile> recognize(const Json& json);

// " holds head scores (detect's head_scores.json)", or " holds something else".
std::string is_what(const Json& json);

// Warns of each key of mask.json that retmask does not read, such as a misspelt one.
void warn_of_unknown_mask_keys(const Json& mask, const std::string& where);

// Reads a JSON file of the form `expected`. Throws UserError; JSON Lines files are identified in
// the message.
Json read_named_json(const std::filesystem::path& path,
                     std::string_view what,
                     std::string_view expected);
// The same for the text of a file; `where` names it.
Json parse_named_json(std::string_view text, const std::string& where, std::string_view expected);

}  // namespace retmask
