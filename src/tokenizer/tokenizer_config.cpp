#include "tokenizer_config.h"

#include <charconv>

#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask::text {
namespace {

Json read_object_if_there(const fs::path& path, std::string_view what) {
  if (!fs::exists(path)) return Json::object();
  Json json = read_json_file(path, what);
  if (!json.is_object()) user_error(path.string(), " must hold a JSON object");
  return json;
}

int64_t parse_id(const std::string& text, const std::string& where) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) {
    user_error(where, ": \"", text, "\" in added_tokens_decoder is not a token id");
  }
  return id;
}

}  // namespace

TokenizerConfig TokenizerConfig::load(const fs::path& dir) {
  const fs::path path = dir / "tokenizer_config.json";
  TokenizerConfig config;
  config.where = path.string();
  config.json = read_object_if_there(path, "tokenizer config");
  config.special_tokens_map =
      read_object_if_there(dir / "special_tokens_map.json", "special tokens map");
  return config;
}

std::optional<std::string> TokenizerConfig::special_token(const std::string& name) const {
  // What tokenizer_config.json names, even as null, is its last word.
  const Json& source = json.contains(name) ? json : special_tokens_map;
  const auto found = source.find(name);
  if (found == source.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  return json_get<std::string>(*found, "content", where + ": " + name);
}

Json TokenizerConfig::special_tokens() const {
  Json tokens = Json::object();
  for (const char* name : {"bos_token",
                           "eos_token",
                           "unk_token",
                           "sep_token",
                           "pad_token",
                           "cls_token",
                           "mask_token"}) {
    if (const auto token = special_token(name)) tokens[name] = *token;
  }
  return tokens;
}

std::vector<AddedToken> TokenizerConfig::added_tokens() const {
  std::vector<AddedToken> tokens;
  const auto decoder = json_get_or(json, "added_tokens_decoder", Json::object(), where);
  for (const auto& [id, token] : decoder.items()) {
    tokens.push_back(
        read_added_token(token, parse_id(id, where), where + ": added_tokens_decoder"));
  }
  return tokens;
}

}  // namespace retmask::text
