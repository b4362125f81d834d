#include "helmet_scores.h"

#include <set>

namespace retmask {
namespace {

constexpr const char* kAverage = "Average";

std::optional<double> value_of(const Json& score) {
  if (score.is_null()) return std::nullopt;
  return std::optional<double>(score.get<double>());
}

}  // namespace

const std::vector<std::string>& helmet_columns() {
  static const std::vector<std::string> columns = {
      "Recall", "RAG", "Cite", "Re-rank", "ICL", "LongQA", "Summ", kAverage};
  return columns;
}

std::vector<int64_t> helmet_lengths(const std::vector<HelmetRun>& runs) {
  std::set<int64_t> lengths;
  for (const HelmetRun& run : runs) {
    for (const Json& entry : run.results.at("average"))
      lengths.insert(entry.at("length").get<int64_t>());
  }
  return {lengths.begin(), lengths.end()};
}

std::string helmet_length_text(int64_t length) {
  return length % 1024 == 0 ? std::to_string(length / 1024) + "K" : std::to_string(length);
}

HelmetScore helmet_score(const HelmetRun& run, const std::string& column, int64_t length) {
  const bool is_average = column == kAverage;
  for (const Json& entry : run.results.at(is_average ? "average" : "categories")) {
    if (entry.at("length") != length) continue;
    if (!is_average && entry.at("category") != column) continue;
    return {.is_there = true,
            .value = value_of(entry.at("score")),
            .is_partial = !is_average && entry.at("columns") != entry.at("of")};
  }
  return {};
}

HelmetScore helmet_mean(const HelmetRun& run,
                        const std::string& column,
                        const std::vector<int64_t>& lengths) {
  HelmetScore mean{.is_there = true};
  double sum = 0;
  bool is_known = true;
  for (const int64_t length : lengths) {
    const HelmetScore score = helmet_score(run, column, length);
    mean.is_there = mean.is_there && score.is_there;
    mean.is_partial = mean.is_partial || score.is_partial;
    is_known = is_known && score.value.has_value();
    if (score.value) sum += *score.value;
  }
  if (is_known && !lengths.empty()) mean.value = sum / static_cast<double>(lengths.size());
  return mean;
}

}  // namespace retmask
