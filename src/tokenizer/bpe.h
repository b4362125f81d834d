#pragma once
// The BPE model of tokenizer.json: words to ids.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "merge_table.h"
#include "merger.h"
#include "token_table.h"
#include "word_cache.h"

namespace retmask::text {

struct BpeOptions {
  std::optional<std::string>
      unk_token;          // for characters that the vocabulary lacks; without one they vanish
  bool fuse_unk = false;  // one unk_token for several such characters in a row
  bool byte_fallback =
      false;  // "<0xE2>" for each byte of such a character, where all of them are tokens
  bool ignore_merges = false;  // a word that is a token becomes it, whatever its merges would give
  bool byte_level = false;     // each byte is a character of the vocabulary's own alphabet
};

// What one thread needs to encode words. Belongs to one model.
struct BpeScratch {
  Merger merger;
  WordCache cache;
  std::vector<int32_t> symbols;
};

class BpeModel {
 public:
  using Merges = std::vector<std::pair<std::string, std::string>>;  // lowest rank first

  // Throws UserError, which names `where`, when a merge or the unk_token is not in the vocabulary.
  BpeModel(BpeOptions options,
           TokenTable vocabulary,
           const Merges& merges,
           const std::string& where);

  // Appends the ids of `word`, which is valid UTF-8 unless `byte_level`.
  void encode(std::string_view word, BpeScratch& scratch, std::vector<int64_t>& ids) const;

  const TokenTable& vocabulary() const { return vocabulary_; }

 private:
  // As in Hugging Face's library an unk_token waits for the next character that is a token: bytes
  // that stand for a character between the two go before it.
  void to_symbols(std::string_view word, std::vector<int32_t>& symbols) const;
  // False, and nothing is put, when one of the character's bytes is no token.
  bool put_bytes(std::string_view character, std::vector<int32_t>& symbols) const;
  std::optional<int32_t> whole_word(std::string_view word) const;

  BpeOptions options_;
  TokenTable vocabulary_;
  MergeTable merges_;
  std::optional<int32_t> unk_id_;
  std::array<std::optional<int32_t>, 256> byte_ids_;  // byte_level: the id of each byte's character
  std::array<std::optional<int32_t>, 256> fallback_ids_;  // the id of "<0x00>" .. "<0xFF>"
};

}  // namespace retmask::text
