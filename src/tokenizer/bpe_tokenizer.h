#pragma once
// tokenizer.json with the semantics of Hugging Face's `tokenizers` library.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "added_tokens.h"
#include "bpe.h"
#include "decoder.h"
#include "normalizer.h"
#include "post_processor.h"
#include "pre_tokenizer.h"
#include "retmask/tokenizer/tokenizer.h"
#include "scratch_pool.h"
#include "tokenizer_config.h"
#include "tokenizer_json.h"

namespace retmask::text {

class BpeTokenizer : public Tokenizer {
 public:
  // `where`: the file's path, for messages. Tokens found only in `config` are added as in
  // transformers. Throws UserError for a missing, invalid or unsupported component.
  BpeTokenizer(const TokenizerJson& json,
               const std::string& where,
               const TokenizerConfig& config = {});

  std::vector<int64_t> encode(std::string_view text, bool add_special_tokens) const override;
  std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const override;
  int64_t vocab_size() const override;
  std::optional<int64_t> token_id(std::string_view token) const override;
  bool is_special(int64_t id) const override;
  std::string token_text(int64_t id) const override;
  bool trims_spans() const override { return post_processor_.trims_spans; }

 private:
  struct Scratch {
    BpeScratch bpe;
    Pieces pieces;
  };

  void add_tokens(const Json& tokens, const std::string& where);
  // Assigns the id of an existing token with this content, otherwise the next free id, like the
  // `tokenizers` library, whatever id a file gives.
  void add_token(AddedToken token, const std::string& where);
  std::vector<AddedToken> known_tokens() const;
  void fill_finders(bool splits_special_tokens);
  // Encodes text between the added tokens that are matched in raw text.
  void encode_raw(std::string_view text,
                  bool is_text_start,
                  Scratch& scratch,
                  std::vector<int64_t>& ids) const;
  // Encodes text without any added tokens.
  void encode_plain(std::string_view text,
                    bool is_text_start,
                    Scratch& scratch,
                    std::vector<int64_t>& ids) const;

  std::unique_ptr<const Normalizer> normalizer_;
  std::unique_ptr<const PreTokenizer> pre_tokenizer_;
  BpeModel model_;
  PostProcessor post_processor_;
  std::unique_ptr<const TokenDecoder> decoder_;

  std::map<int64_t, AddedToken> added_tokens_;  // a map, because the finders point into it
  AddedTokenFinder raw_tokens_;
  AddedTokenFinder normalized_tokens_;
  ScratchPool<Scratch> scratch_;
};

}  // namespace retmask::text
