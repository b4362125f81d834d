#pragma once
// tokenizer_config.json, with special_tokens_map.json and added_tokens.json of older checkpoints.

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "added_tokens.h"
#include "retmask/base/json.h"

namespace retmask::text {

struct TokenizerConfig {
  struct Candidate {
    AddedToken token;
    bool is_text;  // given as plain text, without flags
  };

  // tokenizer_config.json. If it has no "added_tokens_decoder", entries of special_tokens_map.json
  // override its own, as in transformers.
  Json json = Json::object();
  Json numbered_tokens = Json::object();  // added_tokens.json, read in the same case: {token: id}
  // The special ones among them: "additional_special_tokens" of the map is ignored.
  std::set<std::string> special_when_numbered;
  Json model_tokens = Json::object();  // "extra_special_tokens" if they have names
  std::string where;                   // the file's path, for messages

  // Missing files count as empty.
  static TokenizerConfig load(const std::filesystem::path& dir);

  // The text of "bos_token", "eos_token", ..; nullopt if missing or null.
  std::optional<std::string> special_token(const std::string& name) const;
  // All that are set: {"bos_token": "<s>", ..}.
  Json special_tokens() const;
  // Whether special tokens in a text are encoded as ordinary text ("split_special_tokens").
  bool splits_special_tokens() const;
  // "added_tokens_decoder": {"0": {"content": ..}, ..}, or added_tokens.json; by id.
  std::vector<AddedToken> added_tokens() const;
  // Tokens that differ from `known` (those of tokenizer.json): from added_tokens(), and special
  // tokens that have a name ("eos_token", or a model's own "image_token") or are listed in
  // "extra_special_tokens" or "additional_special_tokens". In the order in which transformers adds
  // them; ids are those given in the files, or -1.
  std::vector<AddedToken> tokens_beside(const std::vector<AddedToken>& known) const;

 private:
  void take_from_map(const std::string& name, const Json& value);
  void take_model_tokens();
  std::set<std::string> special_texts() const;
  std::vector<Candidate> named_tokens() const;
  std::vector<Candidate> extra_tokens() const;
};

}  // namespace retmask::text
