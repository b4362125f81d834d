#include "helmet_metrics.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/metrics/citations.h"
#include "retmask/metrics/helmet_answers.h"
#include "retmask/metrics/ranking.h"

namespace retmask::eval::helmet {
namespace {

using References = std::vector<std::string>;

Json scored(const char* main, const metrics::ScoredAnswer& answer) {
  return {
      {"score", answer.metrics.at(main)}, {"metrics", answer.metrics}, {"parsed", answer.parsed}};
}

Json ruler(const Json&, const std::string& output, const References& golds) {
  const double recall = metrics::ruler_recall(output, golds);
  return {{"score", recall}, {"metrics", {{"ruler_recall", recall}}}};
}

Json json_value(const Json&, const std::string& output, const References& golds) {
  return scored("substring_exact_match",
                metrics::score_answer(output, golds, "corresponding value:"));
}

Json short_answer(const Json&, const std::string& output, const References& golds) {
  return scored("substring_exact_match", metrics::score_answer(output, golds));
}

Json long_answer(const Json&, const std::string& output, const References& golds) {
  return scored("rougeL_f1", metrics::score_answer(output, golds));
}

Json summary(const Json&, const std::string& output, const References& golds) {
  return scored("rougeL_f1", metrics::score_answer(output, golds, "summary:"));
}

Json choice(const Json&, const std::string& output, const References& golds) {
  return scored("exact_match", metrics::score_choice(output, golds));
}

Json label(const Json&, const std::string& output, const References& golds) {
  return scored("exact_match", metrics::score_label(output, golds.front()));
}

// NDCG@10 is there even for fewer documents.
Json ranking(const Json& row, const std::string& output, const References&) {
  const auto labels = json_get<metrics::Relevance>(row, "labels", "the row");
  std::vector<int64_t> cutoffs;
  for (const int64_t cutoff : {1, 5, 10, 20, 50, 100, 200, 500, 1000}) {
    if (cutoff == 10 || cutoff <= static_cast<int64_t>(labels.size())) cutoffs.push_back(cutoff);
  }
  const metrics::Ranking ranked = metrics::parse_ranking(output);
  Json values = metrics::retrieval_metrics(ranked, labels, cutoffs);
  values["num_preds"] = ranked.size();
  const double main = values["NDCG@10"].get<double>();
  return {{"score", main}, {"metrics", std::move(values)}};
}

// Without the citations, which need the documents: see helmet_citations.h.
Json cited_answer(const Json& row, const std::string& output, const References& golds) {
  const auto answers = json_get<std::vector<metrics::AnswerForms>>(row, "answers", "the row");
  const std::string plain = metrics::without_citations(metrics::alce_output(output));
  const metrics::ScoredAnswer general = metrics::score_answer(output, golds);
  Json values = general.metrics;
  double main = 0.0;
  if (json_get<std::string>(row, "task", "the row").starts_with("alce_asqa")) {
    const metrics::StrEm found = metrics::str_em(answers, plain);
    values["str_em"] = found.share;
    values["str_hit"] = found.hit;
    main = found.share;
  } else {
    for (const auto& [name, value] : metrics::qampari_metrics(answers, plain)) values[name] = value;
    values.erase("num_preds");
    main = values["qampari_rec_top5"].get<double>();
  }
  return {{"score", main / 100.0}, {"metrics", std::move(values)}, {"parsed", general.parsed}};
}

struct Metric {
  std::string_view name;
  Json (*score)(const Json& row, const std::string& output, const References& golds);
};
constexpr Metric kMetrics[] = {{"helmet_ruler", ruler},
                               {"helmet_value", json_value},
                               {"helmet_answer", short_answer},
                               {"helmet_long_answer", long_answer},
                               {"helmet_summary", summary},
                               {"helmet_choice", choice},
                               {"helmet_label", label},
                               {"helmet_ranking", ranking},
                               {"helmet_citations", cited_answer}};

const Metric* find_metric(const std::string& name) {
  const auto* found = std::find_if(std::begin(kMetrics),
                                   std::end(kMetrics),
                                   [&](const Metric& one) { return one.name == name; });
  return found == std::end(kMetrics) ? nullptr : found;
}

}  // namespace

std::string scored_output(const Json& row) {
  return json_get_or<std::string>(row, "answer_start", "", "the row") +
         json_get<std::string>(row, "answer", "the row");
}

bool is_metric(const std::string& name) { return find_metric(name) != nullptr; }

Json score(const Json& row) {
  const Metric* metric = find_metric(json_get<std::string>(row, "metric", "the row"));
  RETMASK_CHECK(metric != nullptr);
  const auto golds = json_get<References>(row, "references", "the row");
  if (golds.empty()) user_error("\"references\" is empty");
  Json scored = metric->score(row, scored_output(row), golds);
  const Json earlier = row.value("metrics", Json::object());
  for (const auto& [name, value] : earlier.items()) {
    if (is_judged(name)) scored["metrics"][name] = value;
  }
  return scored;
}

bool is_judged(const std::string& metric) {
  return metric.starts_with(kCitationMetrics) || metric.starts_with(kJudgeMetrics);
}

void erase_metrics(const std::string& prefix, Json& row) {
  Json kept = Json::object();
  for (const auto& [name, value] : row.at("metrics").items()) {
    if (!name.starts_with(prefix)) kept[name] = value;
  }
  row["metrics"] = std::move(kept);
}

double reported_mean(const std::string& metric, double mean) {
  // ALCE's are percentages already.
  for (const char* own : {"str_", "qampari_", kCitationMetrics, kJudgeMetrics}) {
    if (metric.starts_with(own)) return mean;
  }
  return 100.0 * mean;
}

}  // namespace retmask::eval::helmet
