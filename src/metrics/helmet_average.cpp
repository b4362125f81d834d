#include "retmask/metrics/helmet_average.h"

#include <algorithm>
#include <array>
#include <span>

#include "retmask/base/error.h"

namespace retmask::metrics {
namespace {

struct KnownDataset {
  std::string_view name;
  std::array<std::string_view, 3> metrics;
};

// The first whose name is part of a dataset's name decides.
constexpr KnownDataset kDatasets[] = {
    {"json_kv", {"substring_exact_match"}},
    {"nq", {"substring_exact_match"}},
    {"popqa", {"substring_exact_match"}},
    {"triviaqa", {"substring_exact_match"}},
    {"hotpotqa", {"substring_exact_match"}},
    {"narrativeqa", {"gpt-4-score"}},
    {"msmarco_rerank_psg", {"NDCG@10"}},
    {"trec_coarse", {"exact_match"}},
    {"trec_fine", {"exact_match"}},
    {"banking77", {"exact_match"}},
    {"clinic150", {"exact_match"}},
    {"nlu", {"exact_match"}},
    {"qmsum", {"rougeL_recall"}},
    {"multi_lexsum", {"gpt-4-f1"}},
    {"ruler_niah_s_1", {"ruler_recall"}},
    {"ruler_niah_s_2", {"ruler_recall"}},
    {"ruler_niah_s_3", {"ruler_recall"}},
    {"ruler_niah_mk_1", {"ruler_recall"}},
    {"ruler_niah_mk_2", {"ruler_recall"}},
    {"ruler_niah_mk_3", {"ruler_recall"}},
    {"ruler_niah_mq", {"ruler_recall"}},
    {"ruler_niah_mv", {"ruler_recall"}},
    {"ruler_fwe", {"ruler_recall"}},
    {"ruler_cwe", {"ruler_recall"}},
    {"ruler_vt", {"ruler_recall"}},
    {"ruler_qa_1", {"substring_exact_match"}},
    {"ruler_qa_2", {"substring_exact_match"}},
    {"infbench_qa", {"rougeL_f1"}},
    {"infbench_choice", {"exact_match"}},
    {"infbench_sum", {"gpt-4-f1"}},
    {"alce_asqa", {"str_em", "citation_rec", "citation_prec"}},
    {"alce_qampari", {"qampari_rec_top5", "citation_rec", "citation_prec"}},
};

struct Category {
  std::string_view name;
  std::array<std::string_view, 5> datasets;  // each with all of its metrics
};

constexpr Category kCategories[] = {
    {"Recall", {"json_kv", "ruler_niah_mk_2", "ruler_niah_mk_3", "ruler_niah_mv"}},
    {"RAG", {"nq", "hotpotqa", "popqa", "triviaqa"}},
    {"ICL", {"trec_coarse", "trec_fine", "banking77", "clinic150", "nlu"}},
    {"Cite", {"alce_asqa", "alce_qampari"}},
    {"Re-rank", {"msmarco_rerank_psg"}},
    {"LongQA", {"narrativeqa", "infbench_qa", "infbench_choice"}},
    {"Summ", {"infbench_sum", "multi_lexsum"}},
};

// The names up to the first empty one.
std::span<const std::string_view> filled(std::span<const std::string_view> names) {
  return names.first(
      static_cast<size_t>(std::find(names.begin(), names.end(), "") - names.begin()));
}

std::vector<std::string> columns_of(const KnownDataset& dataset) {
  std::vector<std::string> columns;
  for (const std::string_view metric : filled(dataset.metrics)) {
    columns.push_back(std::string(dataset.name) + " " + std::string(metric));
  }
  return columns;
}

std::vector<std::string> columns_of(const Category& category) {
  std::vector<std::string> columns;
  for (const std::string_view name : filled(category.datasets)) {
    const auto& dataset = *std::find_if(std::begin(kDatasets),
                                        std::end(kDatasets),
                                        [&](const KnownDataset& one) { return one.name == name; });
    for (std::string& column : columns_of(dataset)) columns.push_back(std::move(column));
  }
  return columns;
}

CategoryAverage average_of(std::string_view name, const std::vector<std::optional<double>>& cells) {
  CategoryAverage average = {std::string(name), std::nullopt, cells.size(), 0};
  double sum = 0.0;
  for (const std::optional<double>& cell : cells) {
    sum += cell.value_or(0.0);
    average.missing += !cell.has_value();
  }
  const size_t there = average.columns - average.missing;
  if (there > 0) average.value = sum / static_cast<double>(there);
  return average;
}

void check_columns(const std::map<std::string, double, std::less<>>& cells) {
  for (const auto& [column, value] : cells) {
    const bool known =
        std::any_of(std::begin(kDatasets), std::end(kDatasets), [&](const KnownDataset& dataset) {
          const auto columns = columns_of(dataset);
          return std::find(columns.begin(), columns.end(), column) != columns.end();
        });
    if (!known)
      user_error(
          "unknown column \"", column, "\", expected for example \"nq substring_exact_match\"");
  }
}

}  // namespace

std::optional<DatasetMetrics> helmet_metrics(std::string_view dataset_name) {
  for (const KnownDataset& dataset : kDatasets) {
    if (dataset_name.find(dataset.name) == std::string_view::npos) continue;
    const auto metrics = filled(dataset.metrics);
    return DatasetMetrics{std::string(dataset.name), {metrics.begin(), metrics.end()}};
  }
  return {};
}

double helmet_percent(std::string_view metric, double value) {
  if (metric == "gpt-4-f1") return value * 100;
  if (metric == "gpt-4-score") return value * 100 / 3;
  return value;
}

std::vector<CategoryAverage> helmet_averages(
    const std::map<std::string, double, std::less<>>& cells) {
  check_columns(cells);
  std::vector<CategoryAverage> averages;
  std::vector<std::optional<double>> values;
  for (const Category& category : kCategories) {
    std::vector<std::optional<double>> own;
    for (const std::string& column : columns_of(category)) {
      const auto found = cells.find(column);
      own.push_back(found == cells.end() ? std::nullopt : std::optional(found->second));
    }
    averages.push_back(average_of(category.name, own));
    values.push_back(averages.back().value);
  }
  averages.push_back(average_of("Ours", values));
  return averages;
}

}  // namespace retmask::metrics
