#include "detect_sections.h"
#include "json_text.h"

namespace retmask {

HtmlFragment certainty_notes(const Detection& detection) {
  HtmlFragment notes;
  for (const Json& warning : detection.summary.value("warnings", Json::array())) {
    notes.paragraph("Warning: " + text_of(warning));
  }
  return notes;
}

HtmlFragment concentration_section(const Detection& detection) {
  HtmlFragment section;
  const Json& summary = detection.summary;
  Table table{.columns = {"measure", "value"}, .rows = {}};
  const auto add = [&](const std::string& name, const Json& value) {
    if (!value.is_null()) table.rows.push_back({name, text_of(value)});
  };
  const Json shares = summary.value("top_share", Json::object());
  for (const auto& [fraction, share] : shares.items()) {
    add("share of the total score in the top " + format_number(100 * std::stod(fraction)) +
            " % of the heads",
        share);
  }
  add("Gini coefficient (0: all heads alike, 1: one head has everything)",
      summary.value("gini", Json()));
  add("Hoyer sparsity (0: all heads alike, 1: one head has everything)",
      summary.value("hoyer", Json()));
  if (table.rows.empty() && !summary.contains("split_half")) return section;
  add("split-half agreement (rank correlation of two halves of the samples)",
      summary.value("split_half", Json()));
  const Json chosen = summary.value("threshold", Json::object());
  if (chosen.contains("undecided")) {
    add("heads whose interval contains the threshold " + text_of(chosen.value("value", Json())),
        chosen["undecided"]);
  }
  const Json counts = summary.value("heads_at_least", Json::object());
  for (const auto& [threshold, count] : counts.items())
    add("heads with a score of at least " + threshold, count);
  section.subheading("Concentration and certainty");
  section.table(table);
  return section;
}

}  // namespace retmask
