#include "sentencepiece_tokenizer.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "utf8.h"

namespace retmask::text {

SentencePieceTokenizer::SentencePieceTokenizer(const std::filesystem::path& model,
                                               const TokenizerConfig& config)
    : decoder_(make_sentencepiece_decoder(
          json_get_or(config.json, "add_prefix_space", true, config.where))),
      space_after_added_tokens_(json_get_or(config.json, "legacy", false, config.where)) {
  const auto status = processor_.Load(model.string());
  if (!status.ok())
    user_error("the sentencepiece model ", model, " cannot be loaded: ", status.ToString());
  add_tokens(config);
  if (json_get_or(config.json, "add_bos_token", true, config.where)) {
    before_.push_back(require_special_token(config, "bos_token", processor_.bos_id()));
  }
  if (json_get_or(config.json, "add_eos_token", false, config.where)) {
    after_.push_back(require_special_token(config, "eos_token", processor_.eos_id()));
  }
}

void SentencePieceTokenizer::add_tokens(const TokenizerConfig& config) {
  // sentencepiece itself never matches its control pieces ("<s>") in a text.
  for (int id = 0; id < processor_.GetPieceSize(); ++id) {
    if (!processor_.IsControl(id) && !processor_.IsUnknown(id)) continue;
    AddedToken token;
    token.content = processor_.IdToPiece(id);
    token.id = id;
    token.special = true;
    added_tokens_[id] = token;
  }
  for (const AddedToken& token : config.added_tokens()) added_tokens_[token.id] = token;
  std::vector<AddedToken> known;
  for (const auto& [id, token] : added_tokens_) known.push_back(token);
  for (AddedToken& token : config.tokens_beside(known)) {
    if (token.content.empty()) continue;
    token.id = token_id(token.content).value_or(vocab_size());
    added_tokens_[token.id] = token;
  }
  const bool splits = config.splits_special_tokens();
  for (const auto& [id, token] : added_tokens_) {
    if (!token.special || !splits) finder_.add(token.content, token);
  }
}

int64_t SentencePieceTokenizer::require_special_token(const TokenizerConfig& config,
                                                      const char* name,
                                                      int model_id) const {
  const std::optional<std::string> token = config.special_token(name);
  if (!token && model_id < 0) {
    user_error(config.where,
               ": ",
               name,
               " is not set and the sentencepiece model has none; set add_",
               name,
               " to false or name one");
  }
  if (!token) return model_id;
  const std::optional<int64_t> id = token_id(*token);
  if (!id) user_error(config.where, ": the ", name, " \"", *token, "\" is not in the vocabulary");
  return *id;
}

std::vector<int64_t> SentencePieceTokenizer::encode(std::string_view text,
                                                    bool add_special_tokens) const {
  const size_t invalid = find_invalid_utf8(text);
  if (invalid != std::string_view::npos) {
    user_error(
        "cannot tokenize text that is not valid UTF-8 (byte ", invalid, " of ", text.size(), ")");
  }
  std::vector<int64_t> ids;
  if (add_special_tokens) ids = before_;
  for (const auto& [piece, token] : finder_.split(text)) {
    if (token != nullptr) {
      ids.push_back(token->id);
      continue;
    }
    const bool gets_space = piece.data() == text.data() || space_after_added_tokens_;
    const std::vector<int> encoded = gets_space ? encode_piece(piece) : encode_continuation(piece);
    ids.insert(ids.end(), encoded.begin(), encoded.end());
  }
  if (add_special_tokens) ids.insert(ids.end(), after_.begin(), after_.end());
  return ids;
}

std::vector<int> SentencePieceTokenizer::encode_piece(std::string_view text) const {
  std::vector<int> ids;
  const auto status = processor_.Encode(text, &ids);
  RETMASK_CHECK(status.ok(), status.ToString());
  return ids;
}

std::vector<int> SentencePieceTokenizer::encode_continuation(std::string_view text) const {
  // The text is prefixed with a private-use character, which merges with nothing; sentencepiece's
  // space goes before it, and both are removed again.
  const std::string guard = "\uE0FF";
  const std::vector<int> guard_ids = encode_piece(guard);
  std::vector<int> ids = encode_piece(guard + std::string(text));
  RETMASK_CHECK(ids.size() >= guard_ids.size() &&
                std::equal(guard_ids.begin(), guard_ids.end(), ids.begin()));
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(guard_ids.size()));
  return ids;
}

std::string SentencePieceTokenizer::decode(std::span<const int64_t> ids,
                                           bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  for (const int64_t id : ids) {
    const auto added = added_tokens_.find(id);
    if (added != added_tokens_.end()) {
      if (!skip_special_tokens || !added->second.special) tokens.push_back(added->second.content);
    } else if (id >= 0 && id < processor_.GetPieceSize()) {
      tokens.push_back(processor_.IdToPiece(static_cast<int>(id)));
    } else if (id < 0) {
      user_error("cannot decode the token id ", id, ": ids are not negative");
    }
  }
  decoder_->apply(tokens);
  return join(tokens);
}

int64_t SentencePieceTokenizer::vocab_size() const {
  const int64_t added_end = added_tokens_.empty() ? 0 : added_tokens_.rbegin()->first + 1;
  return std::max<int64_t>(processor_.GetPieceSize(), added_end);
}

std::optional<int64_t> SentencePieceTokenizer::token_id(std::string_view token) const {
  for (const auto& [id, added] : added_tokens_) {
    if (added.content == token) return id;
  }
  const int id = processor_.PieceToId(token);  // the unknown piece's id for unknown tokens
  if (processor_.IdToPiece(id) != token) return std::nullopt;
  return id;
}

std::string SentencePieceTokenizer::token_text(int64_t id) const {
  const auto added = added_tokens_.find(id);
  if (added != added_tokens_.end()) return added->second.content;
  return sentencepiece_text(processor_.IdToPiece(static_cast<int>(id)));
}

bool SentencePieceTokenizer::is_special(int64_t id) const {
  const auto added = added_tokens_.find(id);
  return added != added_tokens_.end() && added->second.special;
}

}  // namespace retmask::text
