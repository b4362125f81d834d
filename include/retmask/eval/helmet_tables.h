#pragma once
// HELMET's tables as the papers print them.

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval {

// A table of texts; report/table.h prints it.
struct HelmetTable {
  std::string name = {};  // of its files
  std::string title = {};
  std::vector<std::string> columns = {};
  std::vector<std::vector<std::string>> rows = {};
};

// Of helmet_results_json(): "helmet_categories" (per length the seven categories and their mean),
// "helmet_lengths" (per category its score at each length), "helmet_datasets" (per length every
// column of the tables). A score without its judge is "missing", a data set that was not run empty;
// "*" marks means over fewer columns than HELMET's.
std::vector<HelmetTable> helmet_tables(const Json& results);

}  // namespace retmask::eval
