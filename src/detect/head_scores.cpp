#include "retmask/detect/detect.h"

namespace retmask::detect {

HeadScores head_scores(const Result& result, const ModelConfig& config) {
  HeadScores scores;
  for (int64_t layer = 0; layer < config.num_hidden_layers(); ++layer) {
    for (int64_t head = 0; head < config.num_attention_heads; ++head) {
      std::vector<double>& samples = scores.samples[{layer, head}];
      for (const Detection& detection : result.detections) {
        if (!detection.counts()) continue;
        const auto found = detection.scores.find({layer, head});
        samples.push_back(found == detection.scores.end() ? 0.0 : found->second);
      }
    }
  }
  return scores;
}

}  // namespace retmask::detect
