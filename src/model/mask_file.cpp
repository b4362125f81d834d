// mask.json.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "retmask/base/error.h"
#include "retmask/base/head_scores.h"
#include "retmask/base/known_files.h"
#include "retmask/model/heads.h"

namespace retmask {
namespace {

constexpr char kMaskForm[] = "{\"heads\": [[layer, head], ...]} as retmask mask writes it";

// Checks the model for which mask.json was made, if recorded.
void check_made_for(const Json& mask, const ModelConfig& config, const std::string& where) {
  const auto model = mask.find("model");
  if (model == mask.end() || !model->is_object()) return;
  const auto layers =
      json_get_or<int64_t>(*model, "num_hidden_layers", config.num_hidden_layers(), where);
  const auto heads =
      json_get_or<int64_t>(*model, "num_attention_heads", config.num_attention_heads, where);
  if (layers == config.num_hidden_layers() && heads == config.num_attention_heads) return;
  user_error(where, ": the mask is for ", other_model(layers, heads, config));
}

MaskMode read_mode(const Json& mask, const std::string& where) {
  const MaskMode mode =
      parse_mask_mode(json_get_or<std::string>(mask, "mode", "zero", where), where + ": \"mode\"");
  if (mask.contains("means") != (mode == MaskMode::mean)) {
    user_error(
        where,
        ": the mode is ",
        to_string(mode),
        mode == MaskMode::mean
            ? ", but \"means\", the mean output of each head, is missing; a mask of mode zero "
              "gets it by --mask-mode mean"
            : ", but there are \"means\", which belong to the mode mean");
  }
  return mode;
}

// Two entries could give the head different means.
void check_listed_once(std::vector<Head> heads, const std::string& where) {
  std::sort(heads.begin(), heads.end());
  const auto twice = std::adjacent_find(heads.begin(), heads.end());
  if (twice != heads.end()) user_error(where, ": ", to_string(*twice), " is listed twice");
}

std::vector<float> read_mean(const Json& row,
                             const Head& head,
                             int64_t head_dim,
                             const std::string& where) {
  const auto fits = [](const Json& value) {
    return value.is_number() && std::abs(value.get<double>()) <= std::numeric_limits<float>::max();
  };
  if (!row.is_array() || row.size() != static_cast<size_t>(head_dim) ||
      !std::all_of(row.begin(), row.end(), fits)) {
    user_error(where,
               ": the entry of \"means\" for head ",
               to_string(head),
               " is not a list of ",
               head_dim,
               " numbers, which this model's head_dim asks for");
  }
  return row.get<std::vector<float>>();
}

HeadMask::Means read_means(const Json& rows,
                           const std::vector<Head>& heads,
                           int64_t head_dim,
                           const std::string& where) {
  if (!rows.is_array() || rows.size() != heads.size()) {
    user_error(
        where, ": \"means\" is not a list with one entry for each of the ", heads.size(), " heads");
  }
  HeadMask::Means means;
  for (size_t i = 0; i < heads.size(); ++i)
    means.push_back(read_mean(rows[i], heads[i], head_dim, where));
  return means;
}

// The shortest decimal that reads as this number, which JSON's float64 would print with 17 digits.
double shortest(float value) {
  std::array<char, 32> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  double result = 0;
  std::from_chars(text.data(), written.ptr, result);
  return static_cast<float>(result) == value ? result : value;
}

}  // namespace

HeadMask read_mask_file(const std::filesystem::path& path, const ModelConfig& config) {
  const std::string where = path.string();
  const Json json = read_named_json(path, "mask file", kMaskForm);
  const std::optional<KnownFile> known = recognize(json);
  if (!json.is_object() || !json.contains("heads") || (known && known != KnownFile::mask)) {
    user_error(where, is_what(json), ", expected ", kMaskForm);
  }
  warn_of_unknown_mask_keys(json, where);
  check_made_for(json, config, where);
  const Json& listed = json.at("heads");
  if (!listed.is_array()) {
    user_error(where, ": \"heads\" has the wrong type, expected ", kMaskForm);
  }
  std::vector<Head> heads;
  for (const Json& entry : listed) heads.push_back(parse_head_pair(entry, where + ": \"heads\""));
  check_heads(heads, config, where);
  if (read_mode(json, where) == MaskMode::zero) return heads;
  check_listed_once(heads, where);
  return {heads, read_means(json.at("means"), heads, config.head_dim, where)};
}

Json means_json(const HeadMask::Means& means) {
  Json rows = Json::array();
  for (const std::vector<float>& mean : means) {
    Json row = Json::array();
    for (const float value : mean) row.push_back(shortest(value));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace retmask
