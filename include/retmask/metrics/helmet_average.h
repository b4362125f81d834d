#pragma once
// Categories and averages of HELMET's tables (scripts/collect_results.py there).

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::metrics {

struct DatasetMetrics {
  std::string dataset;               // "nq", the name in the columns of the table
  std::vector<std::string> metrics;  // that enter it
};

// Of "kilt_nq" and the like; nullopt for an unknown dataset.
std::optional<DatasetMetrics> helmet_metrics(std::string_view dataset_name);

// A cell's value in the table: the judge's scores become percentages.
double helmet_percent(std::string_view metric, double value);

struct CategoryAverage {
  std::string name;             // "Recall", ...; "Ours" is the mean of the others
  std::optional<double> value;  // nullopt if no column is there
  size_t columns = 0;           // columns of the category
  size_t missing = 0;           // of these, without a value
};

// `cells`: percentages by column, "nq substring_exact_match". Like pandas, a mean leaves out
// missing columns. Throws UserError for an unknown column.
std::vector<CategoryAverage> helmet_averages(
    const std::map<std::string, double, std::less<>>& cells);

}  // namespace retmask::metrics
