#include "retmask/base/head_scores.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "retmask/base/error.h"

namespace retmask {
namespace {

std::optional<int64_t> parse_index(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

double score_value(const Json& score, const std::string& where) {
  const bool is_score =
      score.is_number() && std::isfinite(score.get<double>()) && score.get<double>() >= 0;
  if (!is_score)
    user_error(where, " has the score ", score.dump(), ", expected a number of at least 0");
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

std::string head_name(const HeadIndex& head) {
  return std::to_string(head.first) + "-" + std::to_string(head.second);
}

std::optional<HeadIndex> parse_head_name(std::string_view name) {
  const size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto layer = parse_index(name.substr(0, dash));
  const auto head = parse_index(name.substr(dash + 1));
  if (!layer || !head) return std::nullopt;
  return HeadIndex(*layer, *head);
}

int64_t HeadScores::num_samples() const {
  return samples.empty() ? 0 : static_cast<int64_t>(samples.begin()->second.size());
}

HeadMeans HeadScores::means() const {
  HeadMeans means;
  for (const auto& [head, scores] : samples) means[head] = mean_of(scores);
  return means;
}

Json to_json(const HeadScores& scores) {
  Json json = Json::object();
  for (const auto& [head, samples] : scores.samples) json[head_name(head)] = samples;
  return json;
}

HeadScores parse_head_scores(const Json& json, const std::string& where) {
  if (!json.is_object() || json.empty()) {
    user_error(where, " is not an object with heads, expected ", kHeadScoresForm);
  }
  const size_t num_samples = json.begin()->size();
  HeadScores scores;
  for (const auto& [name, values] : json.items()) {
    const std::optional<HeadIndex> head = parse_head_name(name);
    if (!head)
      user_error(where, ": \"", name, "\" is not a head, expected LAYER-HEAD such as 18-6");
    const std::string at = where + ": head " + name;
    if (!values.is_array()) user_error(at, " is not a list of scores");
    if (values.size() != num_samples) {
      user_error(at, " has ", values.size(), " scores, the first head has ", num_samples);
    }
    const auto [entry, is_new] = scores.samples.try_emplace(*head);
    if (!is_new) user_error(at, " is listed twice");
    for (const Json& value : values) entry->second.push_back(score_value(value, at));
  }
  return scores;
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
