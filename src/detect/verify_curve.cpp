#include "verify_curve.h"

#include <algorithm>

#include "retmask/base/error.h"

namespace retmask::detect {
namespace {

// A k saturates with this part of the largest effect.
constexpr double kSaturation = 0.9;
constexpr double kConfidence = 0.95;

double rate_of(int64_t right, int64_t total) {
  return static_cast<double>(right) / static_cast<double>(total);
}

// The smallest interval that holds those of all draws.
template <typename CountOf>
Interval widest_interval(const std::vector<VerifyDraw>& draws, int64_t total, CountOf count_of) {
  Interval widest{1.0, 0.0};
  for (const VerifyDraw& draw : draws) {
    const Interval one = wilson_interval(
        static_cast<double>(count_of(draw)), static_cast<double>(total), kConfidence);
    widest = {std::min(widest.low, one.low), std::max(widest.high, one.high)};
  }
  return widest;
}

VerifyPoint point_of(std::string mask,
                     int64_t k,
                     std::vector<VerifyDraw> draws,
                     int64_t num_samples,
                     int64_t num_questions) {
  const auto right = [](const VerifyDraw& draw) { return draw.num_right; };
  const auto questions = [](const VerifyDraw& draw) { return draw.num_questions_right; };
  VerifyPoint point{.mask = std::move(mask), .k = k, .draws = std::move(draws)};
  point.rate_interval = widest_interval(point.draws, num_samples, right);
  point.parametric_interval = widest_interval(point.draws, num_questions, questions);
  const auto count = static_cast<double>(point.draws.size());
  for (const VerifyDraw& draw : point.draws) {
    point.rate += rate_of(draw.num_right, num_samples) / count;
    point.parametric_rate += rate_of(draw.num_questions_right, num_questions) / count;
    point.needle_logprob += draw.needle_logprob / count;
  }
  return point;
}

Json heads_json(const std::vector<Head>& heads) {
  Json list = Json::array();
  for (const Head& head : heads) list.push_back({head.layer, head.head});
  return list;
}

Json point_json(const VerifyPoint& point, int64_t num_samples, int64_t num_questions) {
  Json draws = Json::array();
  for (const VerifyDraw& draw : point.draws) {
    draws.push_back({{"heads", heads_json(draw.heads)},
                     {"rate", rate_of(draw.num_right, num_samples)},
                     {"needle_logprob", draw.needle_logprob},
                     {"parametric_rate", rate_of(draw.num_questions_right, num_questions)}});
  }
  return {{"mask", point.mask},
          {"k", point.k},
          {"rate", point.rate},
          {"rate_interval", to_json(point.rate_interval)},
          {"needle_logprob", point.needle_logprob},
          {"parametric_rate", point.parametric_rate},
          {"parametric_interval", to_json(point.parametric_interval)},
          {"draws", std::move(draws)}};
}

}  // namespace

std::vector<VerifyPoint> verify_curve(const std::vector<VerifyPolicy>& policies,
                                      const std::vector<VerifyDraw>& draws,
                                      int64_t num_samples,
                                      int64_t num_questions) {
  RETMASK_CHECK(policies.front().mask == "none" && draws.size() == policies.size());
  std::vector<VerifyPoint> curve;
  for (size_t p = 1; p < policies.size();) {
    const auto& [mask, k, draw, heads] = policies[p];
    if (curve.empty() || curve.back().mask != mask)
      curve.push_back(point_of(mask, 0, {draws.front()}, num_samples, num_questions));
    std::vector<VerifyDraw> of_point;
    size_t end = p;
    while (end < policies.size() && policies[end].mask == mask && policies[end].k == k)
      of_point.push_back(draws[end++]);
    curve.push_back(point_of(mask, k, std::move(of_point), num_samples, num_questions));
    p = end;
  }
  return curve;
}

VerifyChoice choose(const std::vector<VerifyPoint>& curve, const HeadMeans& means, Pick pick) {
  VerifyChoice choice{.pick = pick};
  std::vector<const VerifyPoint*> points;
  for (const VerifyPoint& point : curve) {
    if (point.mask == "retrieval") points.push_back(&point);
  }
  const VerifyPoint& unmasked = *points.front();
  const auto effect = [&](const VerifyPoint* point) { return unmasked.rate - point->rate; };
  const VerifyPoint* strongest = *std::ranges::max_element(points, {}, effect);
  if (strongest->rate_interval.high >= unmasked.rate_interval.low) return choice;
  const VerifyPoint* chosen = *std::ranges::find_if(points, [&](const VerifyPoint* point) {
    return effect(point) >= kSaturation * effect(strongest);
  });
  choice.k = chosen->k;
  const std::vector<HeadMean> ranked = ranked_heads(means);
  const auto k = static_cast<size_t>(chosen->k);
  choice.threshold = 0.5 * (ranked[k - 1].mean + ranked[k].mean);
  choice.num_selected = static_cast<int64_t>(heads_at_least(means, choice.threshold).size());
  return choice;
}

Json to_json(const Verification& verification) {
  Json curve = Json::array();
  for (const VerifyPoint& point : verification.curve)
    curve.push_back(point_json(point, verification.num_samples, verification.num_questions));
  Json json = {{"samples", verification.num_samples},
               {"questions", verification.num_questions},
               {"confidence", kConfidence},
               {"curve", std::move(curve)}};
  if (!verification.choice) return json;
  const VerifyChoice& choice = *verification.choice;
  json["choice"] = {{"pick", to_string(choice.pick)}, {"k", nullptr}};
  if (choice.k) {
    json["choice"]["k"] = *choice.k;
    json["choice"]["threshold"] = choice.threshold;
    json["choice"]["heads"] = choice.num_selected;
  }
  return json;
}

}  // namespace retmask::detect
