#include "bpe_tokenizer.h"

#include <algorithm>

#include "byte_level.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "utf8.h"

namespace retmask::text {
namespace {

Json part(const TokenizerJson& json, const char* name, const std::string& where) {
  return json_get_or(json.rest, name, Json(), where);
}

TokenTable make_vocabulary(const TokenizerJson& json) {
  TokenTable table(json.vocabulary.size());
  for (const auto& [token, id] : json.vocabulary) table.add(token, id);
  return table;
}

void refuse_if_set(const Json& model, const char* name, const std::string& where) {
  const Json value = json_get_or(model, name, Json(), where);
  const bool is_set = !value.is_null() && value != "" && value != 0.0;
  if (is_set) user_error(where, ": model.", name, " is ", value.dump(), ", which is not supported");
}

BpeModel make_model(const TokenizerJson& json, bool byte_level, const std::string& where) {
  const auto model = json_get<Json>(json.rest, "model", where);
  // Files from before 2021 omit the type.
  const auto type = json_get_or<std::string>(model, "type", "BPE", where);
  if (type != "BPE")
    user_error(where, ": the model type \"", type, "\" is not supported, expected BPE");
  if (json.vocabulary.empty()) user_error(where, ": model.vocab is missing or empty");
  if (!json.has_merges) {
    user_error(where,
               ": model.merges is ",
               model.contains("merges") ? "no list" : "missing",
               ", expected a list of \"a b\" or [\"a\", \"b\"]");
  }
  for (const char* name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    refuse_if_set(model, name, where);
  }
  BpeOptions options;
  if (model.contains("unk_token") && !model["unk_token"].is_null()) {
    options.unk_token = json_get<std::string>(model, "unk_token", where);
  }
  options.fuse_unk = json_get_or(model, "fuse_unk", false, where);
  options.byte_fallback = json_get_or(model, "byte_fallback", false, where);
  options.ignore_merges = json_get_or(model, "ignore_merges", false, where);
  options.byte_level = byte_level;
  return BpeModel(options, make_vocabulary(json), json.merges, where + ": model");
}

}  // namespace

BpeTokenizer::BpeTokenizer(const TokenizerJson& json,
                           const std::string& where,
                           const TokenizerConfig& config)
    : normalizer_(make_normalizer(part(json, "normalizer", where), where + ": normalizer")),
      pre_tokenizer_(
          make_pre_tokenizer(part(json, "pre_tokenizer", where), where + ": pre_tokenizer")),
      model_(make_model(json, pre_tokenizer_ && pre_tokenizer_->is_byte_level(), where)),
      post_processor_(
          make_post_processor(part(json, "post_processor", where), where + ": post_processor")),
      decoder_(make_token_decoder(part(json, "decoder", where), where + ": decoder")) {
  add_tokens(json_get_or(json.rest, "added_tokens", Json::array(), where),
             where + ": added_tokens");
  for (AddedToken& token : config.tokens_beside(known_tokens())) {
    add_token(std::move(token), config.where);
  }
  fill_finders(config.splits_special_tokens());
}

void BpeTokenizer::add_tokens(const Json& tokens, const std::string& where) {
  for (const Json& entry : tokens) {
    const AddedToken token = read_added_token(entry, json_get<int64_t>(entry, "id", where), where);
    const std::optional<int32_t> model_id = model_.vocabulary().find(token.content);
    if (token.id < 0 || (model_id && *model_id != token.id)) {
      user_error(where,
                 ": \"",
                 token.content,
                 "\" has the id ",
                 token.id,
                 ", but in model.vocab ",
                 model_id ? std::to_string(*model_id) : "none");
    }
    add_token(token, where);
  }
}

void BpeTokenizer::add_token(AddedToken token, const std::string& where) {
  if (token.content.empty()) return;
  const int64_t said = token.id;
  const auto model_size = static_cast<int64_t>(model_.vocabulary().size());
  const auto same = [&](const auto& entry) { return entry.second.content == token.content; };
  if (const auto found = std::ranges::find_if(added_tokens_, same); found != added_tokens_.end()) {
    token.id = found->first;
    token.special = token.special || found->second.special;  // special in either file
  } else if (const auto model_id = model_.vocabulary().find(token.content)) {
    token.id = *model_id;
  } else {
    const int64_t last = added_tokens_.empty() ? -1 : added_tokens_.rbegin()->first;
    token.id = std::max(last + 1, model_size);
  }
  if (said >= 0 && said != token.id) {
    log::warn(detail::concat(where,
                             ": the token ",
                             dump_json_line(token.content),
                             " should have the id ",
                             said,
                             ", but gets ",
                             token.id,
                             ", as in transformers"));
  }
  added_tokens_[token.id] = std::move(token);
}

std::vector<AddedToken> BpeTokenizer::known_tokens() const {
  std::vector<AddedToken> tokens;
  for (const auto& [id, token] : added_tokens_) tokens.push_back(token);
  return tokens;
}

void BpeTokenizer::fill_finders(bool splits_special_tokens) {
  for (const auto& [id, token] : added_tokens_) {
    if (token.special && splits_special_tokens) continue;
    if (token.normalized) {
      std::string pattern = token.content;
      if (normalizer_) normalizer_->apply(pattern);
      normalized_tokens_.add(pattern, token);
    } else {
      raw_tokens_.add(token.content, token);
    }
  }
}

std::vector<int64_t> BpeTokenizer::encode(std::string_view text, bool add_special_tokens) const {
  const size_t invalid = find_invalid_utf8(text);
  if (invalid != std::string_view::npos) {
    user_error(
        "cannot tokenize text that is not valid UTF-8 (byte ", invalid, " of ", text.size(), ")");
  }
  std::vector<int64_t> ids;
  if (add_special_tokens) ids = post_processor_.before;
  {
    const auto scratch = scratch_.borrow();
    for (const auto& [piece, token] : raw_tokens_.split(text)) {
      if (token != nullptr) {
        ids.push_back(token->id);
      } else {
        encode_raw(piece, piece.data() == text.data(), *scratch, ids);
      }
    }
  }
  if (add_special_tokens)
    ids.insert(ids.end(), post_processor_.after.begin(), post_processor_.after.end());
  return ids;
}

void BpeTokenizer::encode_raw(std::string_view text,
                              bool is_text_start,
                              Scratch& scratch,
                              std::vector<int64_t>& ids) const {
  std::string normalized;
  if (normalizer_) {
    normalized = text;
    normalizer_->apply(normalized);
    text = normalized;
  }
  for (const auto& [piece, token] : normalized_tokens_.split(text)) {
    if (token != nullptr) {
      ids.push_back(token->id);
    } else {
      encode_plain(piece, is_text_start && piece.data() == text.data(), scratch, ids);
    }
  }
}

void BpeTokenizer::encode_plain(std::string_view text,
                                bool is_text_start,
                                Scratch& scratch,
                                std::vector<int64_t>& ids) const {
  scratch.pieces.reset(text, is_text_start);
  if (pre_tokenizer_) pre_tokenizer_->apply(scratch.pieces);
  for (const std::string_view word : scratch.pieces.views) model_.encode(word, scratch.bpe, ids);
}

std::string BpeTokenizer::decode(std::span<const int64_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) {
    const auto added = added_tokens_.find(id);
    if (added != added_tokens_.end()) {
      if (skip_special_tokens && added->second.special) continue;
      std::string content = added->second.content;
      if (normalizer_ && added->second.normalized) normalizer_->apply(content);
      tokens.push_back(std::move(content));
    } else if (const auto token = model_.vocabulary().token(id)) {
      tokens.emplace_back(*token);
    } else if (id < 0) {
      user_error("cannot decode the token id ", id, ": ids are not negative");
    }
  }
  decoder_->apply(tokens);
  return join(tokens);
}

int64_t BpeTokenizer::vocab_size() const {
  const int64_t added_end = added_tokens_.empty() ? 0 : added_tokens_.rbegin()->first + 1;
  return std::max(model_.vocabulary().id_end(), added_end);
}

std::optional<int64_t> BpeTokenizer::token_id(std::string_view token) const {
  for (const auto& [id, added] : added_tokens_) {
    if (added.content == token) return id;
  }
  return model_.vocabulary().find(token);
}

std::string BpeTokenizer::token_text(int64_t id) const {
  const auto added = added_tokens_.find(id);
  if (added != added_tokens_.end()) return added->second.content;
  const std::string token(model_.vocabulary().token(id).value_or(""));
  if (pre_tokenizer_ && pre_tokenizer_->is_byte_level()) {
    return byte_level_to_bytes(token).value_or(token);
  }
  return sentencepiece_text(token);
}

bool BpeTokenizer::is_special(int64_t id) const {
  const auto added = added_tokens_.find(id);
  return added != added_tokens_.end() && added->second.special;
}

}  // namespace retmask::text
