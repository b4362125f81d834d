#include <algorithm>

#include "retmask/detect/detect.h"

namespace retmask::detect {
namespace {

std::vector<Head> all_heads(const ModelConfig& config) {
  std::vector<Head> heads;
  for (int64_t layer = 0; layer < config.num_hidden_layers(); ++layer) {
    for (int64_t head = 0; head < config.num_attention_heads; ++head)
      heads.push_back({layer, head});
  }
  return heads;
}

double score_of(const Detection& detection, const Head& head) {
  const auto found = detection.scores.find(head);
  return found == detection.scores.end() ? 0.0 : found->second;
}

// Scores of one head over the samples with a right answer.
std::vector<double> scores_of(const DetectResult& result, const Head& head) {
  std::vector<double> scores;
  for (const Detection& detection : result.detections) {
    if (detection.verdict.right) scores.push_back(score_of(detection, head));
  }
  return scores;
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<HeadMean> ranked_heads(const DetectResult& result, const ModelConfig& config) {
  std::vector<HeadMean> ranked;
  for (const Head& head : all_heads(config))
    ranked.push_back({head, mean(scores_of(result, head))});
  std::stable_sort(ranked.begin(), ranked.end(), [](const HeadMean& a, const HeadMean& b) {
    return a.mean > b.mean;
  });
  return ranked;
}

Json head_scores_json(const DetectResult& result, const ModelConfig& config) {
  Json scores = Json::object();
  for (const Head& head : all_heads(config)) scores[to_string(head)] = scores_of(result, head);
  return scores;
}

}  // namespace retmask::detect
