#include "detection_row.h"

#include "retmask/niah/sample_rows.h"

namespace retmask::detect {

Json to_row(const niah::Sample& sample, const Detection& detection) {
  Json row = niah::to_json(sample);
  row["recall"] = detection.verdict.recall;
  row["right"] = detection.verdict.right;
  row["answer"] = detection.answer;
  row["scores"] = Json::object();
  for (const auto& [head, score] : detection.scores) row["scores"][to_string(head)] = score;
  return row;
}

Detection from_row(const Json& row, const std::string& where) {
  Detection detection;
  detection.verdict.recall = json_get<double>(row, "recall", where);
  detection.verdict.right = json_get<bool>(row, "right", where);
  detection.answer = json_get<std::string>(row, "answer", where);
  const Json scores = json_get<Json>(row, "scores", where);
  for (const auto& [name, score] : scores.items()) {
    detection.scores[parse_head(name, where)] = score.get<double>();
  }
  return detection;
}

}  // namespace retmask::detect
