#include "retmask/mask/head_scores.h"

#include <algorithm>
#include <cmath>

#include "retmask/base/error.h"

namespace retmask::mask {
namespace {

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
  const Json json = read_json_file(path, "scores file");
  if (!json.is_object() || json.empty()) {
    user_error(where, " is not an object with heads, expected {\"layer-head\": [score, ...], ...}");
  }
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
