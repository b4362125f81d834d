#include <array>
#include <map>

#include "retmask/detect/detect.h"
#include "retmask/metrics/concentration.h"

namespace retmask::detect {
namespace {

// The paper's thresholds (0.05: Qwen3 and Olmo-3, 0.1: Llama-3.1) and two higher ones for
// comparison.
constexpr std::array<double, 4> kThresholds = {0.05, 0.1, 0.2, 0.5};

// Fractions of the heads whose share of the total score is given.
constexpr std::array<double, 3> kTopFractions = {0.01, 0.05, 0.1};

// {"0.1": 20, ...}: number of heads that reach each threshold.
Json heads_over_thresholds(const std::vector<HeadMean>& ranked) {
  Json counts = Json::object();
  for (const double threshold : kThresholds) {
    int64_t count = 0;
    for (const HeadMean& head : ranked) count += head.mean >= threshold;
    counts[Json(threshold).dump()] = count;
  }
  return counts;
}

// {"gini", "hoyer", "top_share": {"0.01": 0.4, ...}}; null where no head has a score.
Json concentration(const std::vector<HeadMean>& ranked) {
  std::vector<double> means;
  for (const HeadMean& head : ranked) means.push_back(head.mean);
  Json shares = Json::object();
  for (const double fraction : kTopFractions)
    shares[Json(fraction).dump()] = top_share(means, fraction);
  return {{"gini", gini(means)}, {"hoyer", hoyer(means)}, {"top_share", std::move(shares)}};
}

// [{"length": 512, "samples": 15, "right": 10}, ...] in grid order; "right" is null if the scorer
// reads no answers.
Json by_length(const Result& result, const std::vector<niah::Sample>& samples, Scorer scorer) {
  Json rows = Json::array();
  std::map<int64_t, size_t> row_of;
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto [found, is_new] = row_of.try_emplace(samples[i].length, rows.size());
    if (is_new) rows.push_back({{"length", samples[i].length}, {"samples", 0}, {"right", 0}});
    Json& row = rows[found->second];
    row["samples"] = row["samples"].get<int64_t>() + 1;
    if (!reads_answers(scorer)) {
      row["right"] = nullptr;
      continue;
    }
    row["right"] = row["right"].get<int64_t>() + (result.detections[i].verdict.right ? 1 : 0);
  }
  return rows;
}

}  // namespace

Json summary_json(const Result& result,
                  const std::vector<niah::Sample>& samples,
                  const Options& options,
                  const ModelConfig& config,
                  const Certainty& certainty) {
  const std::vector<HeadMean> ranked = ranked_heads(head_scores(result, config).means());
  Json summary = {{"samples", samples.size()},
                  {"right", reads_answers(options.scorer) ? Json(result.num_right()) : Json()},
                  {"counted", result.num_counted()},
                  {"scorer", to_string(options.scorer)},
                  {"scoring", to_string(options.scoring)},
                  {"placement", to_string(options.grid.placement)},
                  {"stop", to_string(options.stop)},
                  {"num_layers", config.num_hidden_layers()},
                  {"num_heads", config.num_attention_heads},
                  {"heads_at_least", heads_over_thresholds(ranked)},
                  {"threshold",
                   {{"value", certainty.threshold},
                    {"heads", certainty.num_selected},
                    {"undecided", certainty.num_undecided}}},
                  {"split_half", certainty.split_half}};
  summary.update(concentration(ranked));
  summary["by_length"] = by_length(result, samples, options.scorer);
  summary["heads"] = Json::array();
  for (const auto& [head, mean] : ranked) {
    const HeadCertainty& sure = certainty.heads.at(head);
    summary["heads"].push_back({{"head", {head.layer, head.head}},
                                {"mean", mean},
                                {"interval", to_json(sure.mean)},
                                {"rank_interval", to_json(sure.rank)}});
  }
  return summary;
}

}  // namespace retmask::detect
