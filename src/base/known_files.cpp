#include "retmask/base/known_files.h"

#include <algorithm>
#include <array>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/head_scores.h"
#include "retmask/base/log.h"

namespace retmask {
namespace {

constexpr EnumNames<KnownFile, 12> kNames{{{
    {KnownFile::head_scores, "head scores (detect's head_scores.json)"},
    {KnownFile::mask, "a mask (mask.json)"},
    {KnownFile::summary,
     "a detection's summary (summary.json; the scores are in head_scores.json)"},
    {KnownFile::samples,
     "a detection's samples (samples.jsonl; the scores are in head_scores.json)"},
    {KnownFile::run_record, "the record of a run (run.json)"},
    {KnownFile::results, "results of eval (results.json)"},
    {KnownFile::pair, "preference pairs (pairs.jsonl)"},
    {KnownFile::answer, "answers of synthesize (answers.jsonl; the pairs are in pairs.jsonl)"},
    {KnownFile::prompt, "prompts"},
    {KnownFile::config, "a checkpoint's config.json"},
    {KnownFile::tokenizer, "a tokenizer (tokenizer.json)"},
    {KnownFile::weight_index, "the index of a checkpoint's weight files"},
}}};

bool has(const Json& json, std::initializer_list<const char*> keys) {
  return std::ranges::all_of(keys, [&](const char* key) { return json.contains(key); });
}

}  // namespace

std::optional<KnownFile> recognize(const Json& json) {
  if (!json.is_object() || json.empty()) return std::nullopt;
  if (parse_head_name(json.begin().key())) return KnownFile::head_scores;
  if (has(json, {"command", "status", "options"})) return KnownFile::run_record;
  if (has(json, {"model_type"})) return KnownFile::config;
  if (has(json, {"weight_map"})) return KnownFile::weight_index;
  if (has(json, {"model", "pre_tokenizer"})) return KnownFile::tokenizer;
  if (has(json, {"chosen", "rejected"})) return KnownFile::pair;
  if (has(json, {"policy", "text", "finish_reason"})) return KnownFile::answer;
  if (has(json, {"needle", "right", "scores"})) return KnownFile::samples;
  if (has(json, {"samples", "heads_at_least"})) return KnownFile::summary;
  if (json.contains("heads") && json.at("heads").is_array()) return KnownFile::mask;
  if (has(json, {"success", "total"}) || has(json, {"rows", "perplexity"}) ||
      has(json, {"suite", "tasks"})) {
    return KnownFile::results;
  }
  for (const char* key : {"prompt", "messages", "conversation", "conversations", "instruction"}) {
    if (json.contains(key)) return KnownFile::prompt;
  }
  return std::nullopt;
}

std::string is_what(const Json& json) {
  const std::optional<KnownFile> known = recognize(json);
  return " holds " + (known ? kNames.name_of(*known) : "something else");
}

void warn_of_unknown_mask_keys(const Json& mask, const std::string& where) {
  constexpr std::array<std::string_view, 14> kKeys = {"heads",
                                                      "mode",
                                                      "select",
                                                      "threshold",
                                                      "top_k",
                                                      "explicit_heads",
                                                      "seed",
                                                      "model",
                                                      "mean_scores",
                                                      "num_samples",
                                                      "scores_sha256",
                                                      "scores_form",
                                                      "mean_text",
                                                      "means"};
  for (const auto& [key, value] : mask.items()) {
    if (std::ranges::find(kKeys, key) != kKeys.end()) continue;
    log::warn(where + ": the key \"" + key + "\" is not one of mask.json's, and is ignored");
  }
}

Json read_named_json(const std::filesystem::path& path,
                     std::string_view what,
                     std::string_view expected) {
  return parse_named_json(read_text_file(path, what), path.string(), expected);
}

Json parse_named_json(std::string_view text, const std::string& where, std::string_view expected) {
  const size_t end = text.find('\n');
  if (end != text.npos && text.find_first_not_of(" \t\r\n", end) != text.npos &&
      !try_parse_json(text)) {
    const Json row = try_parse_json(text.substr(0, end)).value_or(Json());
    if (row.is_object()) {
      user_error(where,
                 " is a file of JSON lines",
                 recognize(row) ? " that" + is_what(row) : "",
                 ", expected ",
                 expected);
    }
  }
  return parse_json(text, where);
}

}  // namespace retmask
