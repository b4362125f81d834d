#pragma once
// HELMET's tables and figure as the papers print them, of one run or of several side by side.

#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/report/table.h"

namespace retmask {

struct HelmetRun {
  std::string name = {};
  Json results = {};  // results.json of suite helmet
};

struct HelmetTable {
  std::string name = {};  // of its files
  std::string title = {};
  Table table = {};
  size_t first_score = 0;  // this column and those behind it are scores in percent
};

// "helmet_categories" (per length the seven categories and their average; Ma & Okazaki, tables 1
// and 2), "helmet_lengths" (per category its score at each length) and "helmet_datasets" (every
// metric of the tables; table 7 there). With several lengths the first two have their means too; of
// several runs, which must have names, each row is one run's, or each run is a column. A score
// without its judge is "missing", a data set that was not run empty; "*" marks means over fewer
// columns than HELMET's. Throws UserError for results of another form.
std::vector<HelmetTable> helmet_tables(const std::vector<HelmetRun>& runs);

// The title and a table: as .txt, .csv, .md or .tex says. CSV has no title; its columns name the
// unit.
std::string helmet_table_text(const HelmetTable& table, const std::string& kind);

// The score of each category and of their average over the context length, a panel each and a line
// per run (Ma & Okazaki, figure 3). Empty if no category has scores at two lengths.
std::string helmet_figure_svg(const std::vector<HelmetRun>& runs);

}  // namespace retmask
