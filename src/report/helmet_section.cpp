#include "json_text.h"
#include "retmask/base/error.h"
#include "run_sections.h"

namespace retmask {
namespace {

// The average at each length.
std::string averages_of(const Json& results, const std::string& where) {
  std::string list;
  for (const Json& entry : json_get<std::vector<Json>>(results, "average", where)) {
    const Json score = entry.value("score", Json());
    list += (list.empty() ? "" : "; ") + text_of(entry.value("length", Json())) + ": " +
            (score.is_null() ? "no average" : format_number(score.get<double>()) + " %");
  }
  return list;
}

}  // namespace

HtmlFragment helmet_results(const std::vector<HelmetRun>& runs, const std::string& suffix) {
  HtmlFragment section;
  const std::string figure = helmet_figure_svg(runs);
  if (!figure.empty()) section.figure({"helmet_lengths" + suffix, figure});
  const std::vector<HelmetTable> tables = helmet_tables(runs);
  for (const HelmetTable& table : tables) {
    if (table.table.rows.empty()) continue;
    section.paragraph(table.title);
    section.table(table.table);
  }
  return section;
}

HtmlFragment helmet_section(const RunFolders& evals, Table& glance) {
  HtmlFragment section;
  section.heading("HELMET");
  section.paragraph(
      "Scores in percent. A score that a judge has not given is missing, and so is each average "
      "that it belongs to; * marks means over fewer data sets than HELMET's.");
  std::vector<HelmetRun> runs;
  for (const RunFolder& run : evals) {
    const std::string where = run.where("results.json");
    runs.push_back({.name = run.name, .results = run.read("results.json")});
    for (const char* key : {"tasks", "categories", "average"})
      json_get<std::vector<Json>>(runs.back().results, key, where);
    glance.rows.push_back(
        {run.name, run.command + " helmet", averages_of(runs.back().results, where)});
  }
  if (runs.size() == 1) runs.front().name.clear();
  section.append(helmet_results(runs));
  return section;
}

}  // namespace retmask
