#include "tokenizer_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

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

constexpr std::array<std::string_view, 7> kNamedTokens = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

AddedToken special_text(const std::string& content) {
  return {.content = content, .id = -1, .special = true, .normalized = false};
}

int64_t parse_id(const std::string& text, const std::string& where) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0 ||
      id > std::numeric_limits<int32_t>::max()) {
    user_error(where, ": \"", text, "\" in added_tokens_decoder is not a token id");
  }
  return id;
}

// Reads a text, or {"content", ..} as written by transformers.
TokenizerConfig::Candidate candidate(const Json& json, const std::string& where) {
  if (json.is_string()) return {special_text(json.get<std::string>()), /*is_text=*/true};
  return {read_added_token(json, /*id=*/-1, where), /*is_text=*/false};
}

bool same_but_id(AddedToken a, const AddedToken& b) {
  a.id = b.id;
  return a == b;
}

bool is_named_token(const std::string& name, const Json& value) {
  if (std::ranges::find(kNamedTokens, name) != kNamedTokens.end()) return !value.is_null();
  const bool is_token = value.is_string() || (value.is_object() && value.contains("content"));
  return name.ends_with("_token") && is_token;
}

// "additional_special_tokens" is the former name of "extra_special_tokens".
void name_extra_tokens(Json& config, bool replaces_empty) {
  if (!config.contains("additional_special_tokens")) return;
  const bool has_extra = config.contains("extra_special_tokens");
  if (has_extra && !(replaces_empty && config["extra_special_tokens"].empty())) return;
  config["extra_special_tokens"] = config["additional_special_tokens"];
  config.erase("additional_special_tokens");
}

bool contains(const std::vector<AddedToken>& tokens, const std::string& content) {
  return std::ranges::any_of(tokens, [&](const AddedToken& t) { return t.content == content; });
}

}  // namespace

TokenizerConfig TokenizerConfig::load(const fs::path& dir) {
  const fs::path path = dir / "tokenizer_config.json";
  TokenizerConfig config;
  config.where = path.string();
  config.json = read_object_if_there(path, "tokenizer config");
  name_extra_tokens(config.json, /*replaces_empty=*/true);
  config.take_model_tokens();
  if (config.json.contains("added_tokens_decoder")) return config;
  // Checkpoints older than added_tokens_decoder.
  const Json map = read_object_if_there(dir / "special_tokens_map.json", "special tokens map");
  for (const auto& [name, value] : map.items()) config.take_from_map(name, value);
  config.take_model_tokens();
  const fs::path added = dir / "added_tokens.json";
  config.numbered_tokens = read_object_if_there(added, "list of added tokens");
  config.special_when_numbered = config.special_texts();
  name_extra_tokens(config.json, /*replaces_empty=*/false);
  config.take_model_tokens();
  for (const auto& [token, id] : config.numbered_tokens.items()) {
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<int32_t>::max()) {
      user_error(
          added.string(), ": the id of \"", token, "\" is ", id.dump(), ", expected a token id");
    }
  }
  return config;
}

void TokenizerConfig::take_from_map(const std::string& name, const Json& value) {
  const auto special = [](Json token) {
    if (token.is_object()) token["special"] = true;
    return token;
  };
  if (name != "extra_special_tokens") {
    json[name] = special(value);
  } else if (!value.is_array()) {
    json[name] = value;
  } else {
    Json& all = json[name];
    if (!all.is_array()) all = Json::array();
    for (const Json& token : value) {
      if (std::ranges::find(all, special(token)) == all.end()) all.push_back(special(token));
    }
  }
}

std::set<std::string> TokenizerConfig::special_texts() const {
  std::set<std::string> texts;
  for (const std::string_view name : kNamedTokens) {
    if (auto text = special_token(std::string(name))) texts.insert(std::move(*text));
  }
  for (const Candidate& token : extra_tokens()) texts.insert(token.token.content);
  return texts;
}

void TokenizerConfig::take_model_tokens() {
  const auto extra = json.find("extra_special_tokens");
  if (extra == json.end() || !extra->is_object()) return;
  model_tokens.update(*extra);
  json.erase(extra);
}

std::optional<std::string> TokenizerConfig::special_token(const std::string& name) const {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  return json_get<std::string>(*found, "content", where + ": " + name);
}

Json TokenizerConfig::special_tokens() const {
  Json tokens = Json::object();
  for (const std::string_view name : kNamedTokens) {
    if (const auto token = special_token(std::string(name))) tokens[std::string(name)] = *token;
  }
  return tokens;
}

bool TokenizerConfig::splits_special_tokens() const {
  return json_get_or(json, "split_special_tokens", false, where);
}

std::vector<AddedToken> TokenizerConfig::added_tokens() const {
  std::vector<AddedToken> tokens;
  const auto decoder = json_get_or(json, "added_tokens_decoder", Json::object(), where);
  for (const auto& [id, token] : decoder.items()) {
    tokens.push_back(
        read_added_token(token, parse_id(id, where), where + ": added_tokens_decoder"));
  }
  for (const auto& [content, id] : numbered_tokens.items()) {
    const bool special = special_when_numbered.contains(content);
    tokens.push_back(
        {.content = content, .id = id.get<int64_t>(), .special = special, .normalized = !special});
  }
  std::ranges::stable_sort(tokens, {}, &AddedToken::id);
  return tokens;
}

std::vector<TokenizerConfig::Candidate> TokenizerConfig::named_tokens() const {
  std::vector<Candidate> tokens;
  const auto add = [&](const std::string& name, const Json& value) {
    if (is_named_token(name, value)) tokens.push_back(candidate(value, where + ": " + name));
  };
  for (const std::string_view name : kNamedTokens) add(std::string(name), json.value(name, Json()));
  for (const auto& [name, value] : json.items()) {
    if (std::ranges::find(kNamedTokens, name) == kNamedTokens.end()) add(name, value);
  }
  for (const auto& [name, value] : model_tokens.items()) {
    tokens.push_back(candidate(value, where + ": extra_special_tokens"));
  }
  return tokens;
}

std::vector<TokenizerConfig::Candidate> TokenizerConfig::extra_tokens() const {
  const Json extra = json.value("extra_special_tokens", Json());
  std::vector<Candidate> tokens;
  if (!extra.is_array()) return tokens;
  for (const Json& value : extra) {
    tokens.push_back(candidate(value, where + ": extra_special_tokens"));
  }
  return tokens;
}

// A token listed both as a text and with flags appears twice: the last entry counts.
std::vector<AddedToken> TokenizerConfig::tokens_beside(const std::vector<AddedToken>& known) const {
  const std::vector<Candidate> named = named_tokens();
  std::vector<Candidate> beside;
  for (AddedToken& token : added_tokens()) {
    const auto same = [&](const AddedToken& other) { return same_but_id(token, other); };
    if (std::ranges::none_of(known, same)) beside.push_back({std::move(token), /*is_text=*/false});
  }
  std::vector<AddedToken> numbered = known;
  for (const Candidate& token : beside) numbered.push_back(token.token);
  for (const auto& tokens : {named, extra_tokens()}) {
    for (const Candidate& token : tokens) {
      const auto same = [&](const Candidate& other) {
        return token.is_text == other.is_text && same_but_id(token.token, other.token);
      };
      if (!contains(numbered, token.token.content) && std::ranges::none_of(beside, same)) {
        beside.push_back(token);
      }
    }
  }
  std::vector<AddedToken> tokens;
  for (const Candidate& token : beside) {
    const auto same = [&](const Candidate& other) {
      return token.token.content == other.token.content;
    };
    tokens.push_back(token.token);
    tokens.back().special = token.token.special || std::ranges::any_of(named, same);
  }
  return tokens;
}

}  // namespace retmask::text
