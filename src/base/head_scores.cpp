#include "retmask/base/head_scores.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "retmask/base/error.h"

namespace retmask {
namespace {

double score_value(const Json& score, const std::string& where) {
  if (!score.is_number() || !std::isfinite(score.get<double>()))
    user_error(where, " has the score ", score.dump().substr(0, 80), ", expected a finite number");
  return score.get<double>();
}

double mean_of(const std::vector<double>& scores) {
  double sum = 0.0;
  for (const double score : scores) sum += score;
  return scores.empty() ? 0.0 : sum / static_cast<double>(scores.size());
}

}  // namespace

const char* const kHeadScoresForm =
    "{\"layer-head\": [score, ...], ...} as detect writes it into head_scores.json";

int64_t HeadScores::num_samples() const {
  size_t most = 0;
  for (const auto& [head, scores] : samples) most = std::max(most, scores.size());
  return static_cast<int64_t>(most);
}

HeadMeans HeadScores::means() const {
  HeadMeans means;
  for (const auto& [head, scores] : samples) means[head] = mean_of(scores);
  return means;
}

Json to_json(const HeadScores& scores) {
  Json json = Json::object();
  for (const auto& [head, samples] : scores.samples) json[to_string(head)] = samples;
  return json;
}

HeadScores parse_head_scores(const Json& json, const std::string& where, SampleCounts counts) {
  if (!json.is_object() || json.empty()) {
    user_error(where, " is not an object with heads, expected ", kHeadScoresForm);
  }
  const size_t num_samples = json.begin()->size();
  HeadScores scores;
  for (const auto& [name, values] : json.items()) {
    const std::optional<Head> head = parse_head_name(name);
    if (!head)
      user_error(where, ": \"", name, "\" is not a head, expected LAYER-HEAD such as 18-6");
    const std::string at = where + ": head " + name;
    if (!values.is_array()) user_error(at, " is not a list of scores");
    if (counts == SampleCounts::equal && values.size() != num_samples) {
      user_error(at, " has ", values.size(), " scores, the first head has ", num_samples);
    }
    const auto [entry, is_new] = scores.samples.try_emplace(*head);
    if (!is_new) user_error(at, " is listed twice");
    for (const Json& value : values) entry->second.push_back(score_value(value, at));
  }
  return scores;
}

Head parse_head_pair(const Json& pair, const std::string& where) {
  const auto is_index = [](const Json& value) {
    return value.is_number_integer() && value >= 0 && value <= std::numeric_limits<int32_t>::max();
  };
  if (!pair.is_array() || pair.size() != 2 || !is_index(pair[0]) || !is_index(pair[1])) {
    user_error(where,
               " has the entry ",
               pair.dump().substr(0, 80),
               ", expected [layer, head], two whole numbers such as [18, 6]");
  }
  return Head{pair[0].get<int64_t>(), pair[1].get<int64_t>()};
}

std::vector<HeadMean> ranked_heads(const HeadMeans& means) {
  const auto rank = [](const HeadMean& head) {
    return std::isnan(head.mean) ? -std::numeric_limits<double>::infinity() : head.mean;
  };
  std::vector<HeadMean> ranked;
  for (const auto& [head, mean] : means) ranked.push_back({head, mean});
  std::ranges::stable_sort(ranked, std::ranges::greater(), rank);
  return ranked;
}

}  // namespace retmask
