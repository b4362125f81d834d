#include "retmask/mask/head_scores.h"

#include <algorithm>
#include <cmath>

#include "retmask/base/error.h"
#include "retmask/base/known_files.h"

namespace retmask::mask {
namespace {

constexpr char kForm[] =
    "{\"layer-head\": [score, ...], ...} as detect writes it into head_scores.json";

// Reports scores of another model as such rather than as a missing head.
void check_shape(const Json& scores, const ModelConfig& config, const std::string& where) {
  Head last;
  for (const auto& [key, samples] : scores.items()) {
    const Head head = parse_head(key, where);
    last = {std::max(last.layer, head.layer), std::max(last.head, head.head)};
  }
  constexpr int64_t kMost = 1 << 20;  // larger indices are reported by check_heads()
  if (last.layer >= kMost || last.head >= kMost) return;
  const int64_t layers = last.layer + 1;
  const int64_t heads = last.head + 1;
  const bool is_whole = static_cast<int64_t>(scores.size()) == layers * heads;
  const bool fits = layers == config.num_hidden_layers() && heads == config.num_attention_heads;
  if (!is_whole || fits) return;
  user_error(where, ": the scores are for ", other_model(layers, heads, config));
}

double mean_score(const Json& samples, const std::string& where) {
  double sum = 0.0;
  for (const Json& score : samples) {
    const bool is_score =
        score.is_number() && std::isfinite(score.get<double>()) && score.get<double>() >= 0;
    if (!is_score)
      user_error(where, " has the score ", score.dump(), ", expected a number of at least 0");
    sum += score.get<double>();
  }
  return sum / static_cast<double>(samples.size());
}

void check_complete(const HeadScores& scores, const ModelConfig& config, const std::string& where) {
  std::vector<Head> listed;
  for (const auto& [head, mean] : scores.mean) listed.push_back(head);
  check_heads(listed, config, where);
  const int64_t expected = config.num_hidden_layers() * config.num_attention_heads;
  for (int64_t i = 0; i < expected; ++i) {
    const Head head{i / config.num_attention_heads, i % config.num_attention_heads};
    if (scores.mean.contains(head)) continue;
    user_error(where,
               " has scores of ",
               scores.mean.size(),
               " heads, the model has ",
               expected,
               "; the first without one is ",
               to_string(head),
               "; was it made with another model?");
  }
}

}  // namespace

HeadScores read_head_scores(const std::filesystem::path& path, const ModelConfig& config) {
  const std::string where = path.string();
  const Json json = read_named_json(path, "scores file", kForm);
  if (!json.is_object() || json.empty()) {
    user_error(where, " is not an object with heads, expected ", kForm);
  }
  if (const auto known = recognize(json); known && known != KnownFile::head_scores) {
    user_error(where, is_what(json), ", expected ", kForm);
  }
  check_shape(json, config, where);
  HeadScores scores;
  scores.num_samples = static_cast<int64_t>(json.begin()->size());
  for (const auto& [key, samples] : json.items()) {
    const std::string at = where + ": head " + key;
    if (!samples.is_array()) user_error(at, " is not a list of scores");
    if (static_cast<int64_t>(samples.size()) != scores.num_samples) {
      user_error(at, " has ", samples.size(), " scores, the first head has ", scores.num_samples);
    }
    if (samples.empty()) {
      user_error(where,
                 " has no scores: no answer was right in that detection run; try shorter contexts "
                 "or more samples");
    }
    const bool is_new = scores.mean.emplace(parse_head(key, where), mean_score(samples, at)).second;
    if (!is_new) user_error(at, " is listed twice");
  }
  check_complete(scores, config, where);
  return scores;
}

}  // namespace retmask::mask
