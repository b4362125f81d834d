#pragma once
// The BPE model of tokenizer.json: maps words to ids.

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
      unk_token;          // for unknown characters, which are dropped if it is not set
  bool fuse_unk = false;  // one unk_token for consecutive such characters
  bool byte_fallback =
      false;  // "<0xE2>" for each byte of such a character, if all of them are tokens
  bool ignore_merges = false;  // a word that is a token becomes it, regardless of merges
  bool byte_level = false;     // each byte is a character of the byte-level alphabet
};

// Scratch memory of one thread for encoding words. Belongs to one model.
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

  // Appends the ids of `word`, which must be valid UTF-8 unless `byte_level`.
  void encode(std::string_view word, BpeScratch& scratch, std::vector<int64_t>& ids) const;

  const TokenTable& vocabulary() const { return vocabulary_; }

 private:
  // As in Hugging Face's library, a pending unk_token is emitted at the next character that is a
  // token; fallback bytes of a character in between precede it.
  void to_symbols(std::string_view word, std::vector<int32_t>& symbols) const;
  // Returns false, and appends nothing, if one of the character's bytes is not a token.
  bool put_bytes(std::string_view character, std::vector<int32_t>& symbols) const;
  std::optional<int32_t> whole_word(std::string_view word) const;

  BpeOptions options_;
  TokenTable vocabulary_;
  MergeTable merges_;
  std::optional<int32_t> unk_id_;
  std::array<std::optional<int32_t>, 256> byte_ids_;      // byte_level: id of each byte's character
  std::array<std::optional<int32_t>, 256> fallback_ids_;  // ids of "<0x00>" .. "<0xFF>"
};

}  // namespace retmask::text
