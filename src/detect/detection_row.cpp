#include "detection_row.h"

#include "retmask/niah/sample_rows.h"

namespace retmask::detect {
namespace {

Json steps_json(const Detection& detection) {
  Json steps = Json::array();
  for (const auto& [text, heads] : detection.steps) {
    Json names = Json::array();
    for (const Head& head : heads) names.push_back(to_string(head));
    steps.push_back({{"text", text}, {"copied_by", std::move(names)}});
  }
  return steps;
}

}  // namespace

Json to_row(const niah::Sample& sample, const Detection& detection, Scorer scorer) {
  Json row = niah::to_json(sample);
  row["recall"] = detection.answered ? Json(detection.verdict.recall) : Json();
  row["right"] = detection.answered ? Json(detection.verdict.right) : Json();
  row["answer"] = detection.answered ? Json(detection.answer) : Json();
  row["scores"] = detection.measured ? Json::object() : Json();
  for (const auto& [head, score] : detection.scores) row["scores"][to_string(head)] = score;
  if (scorer == Scorer::copy) row["steps"] = steps_json(detection);
  return row;
}

Detection from_row(const Json& row, const std::string& where) {
  Detection detection;
  detection.answered = !json_get_or<Json>(row, "right", Json(), where).is_null();
  if (detection.answered) {
    detection.verdict.recall = json_get<double>(row, "recall", where);
    detection.verdict.right = json_get<bool>(row, "right", where);
    detection.answer = json_get<std::string>(row, "answer", where);
  }
  const Json scores = json_get_or<Json>(row, "scores", Json(), where);
  detection.measured = !scores.is_null();
  for (const auto& [name, score] : scores.items()) {
    detection.scores[parse_head(name, where)] = score.get<double>();
  }
  if (!row.contains("steps")) return detection;
  for (const Json& step : json_get<Json>(row, "steps", where)) {
    auto& [text, heads] = detection.steps.emplace_back();
    text = json_get<std::string>(step, "text", where);
    for (const auto& name : json_get<std::vector<std::string>>(step, "copied_by", where))
      heads.push_back(parse_head(name, where));
  }
  return detection;
}

}  // namespace retmask::detect
