#include <algorithm>

#include "detect_sections.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

constexpr size_t kRightTexts = 8;
constexpr size_t kWrongTexts = 2;
constexpr size_t kNamedHeads = 16;  // in the note of one token

// "copied by 18-6, 17-3"; empty for a token that no head copied.
std::string copied_by(const std::vector<std::string>& heads) {
  if (heads.empty()) return "";
  std::string note = "copied by ";
  for (size_t i = 0; i < std::min(heads.size(), kNamedHeads); ++i)
    note += (i > 0 ? ", " : "") + heads[i];
  if (heads.size() > kNamedHeads)
    note += " and " + std::to_string(heads.size() - kNamedHeads) + " more heads";
  return note;
}

std::vector<TextPiece> answer_pieces(const Json& row, const std::string& where) {
  if (!row.contains("steps")) return {{json_get<std::string>(row, "answer", where)}};
  std::vector<TextPiece> pieces;
  for (const Json& step : json_get<std::vector<Json>>(row, "steps", where)) {
    pieces.push_back({json_get<std::string>(step, "text", where),
                      copied_by(json_get<std::vector<std::string>>(step, "copied_by", where))});
  }
  return pieces;
}

// At most `count` of the samples with this outcome, spread over the grid.
std::vector<size_t> some_samples(const Detection& detection, bool success, size_t count) {
  std::vector<size_t> all;
  for (size_t i = 0; i < detection.samples.size(); ++i) {
    if (detection.samples[i].success == success) all.push_back(i);
  }
  if (all.size() <= count) return all;
  std::vector<size_t> some;
  for (size_t i = 0; i < count; ++i) some.push_back(all[i * all.size() / count]);
  return some;
}

}  // namespace

HtmlFragment texts_section(const Detection& detection, const std::string& where) {
  HtmlFragment section;
  if (detection.samples.empty()) return section;
  const bool marked =
      std::ranges::any_of(detection.rows, [](const Json& row) { return row.contains("steps"); });
  section.subheading("Some answers");
  if (marked) section.paragraph("Marked: tokens that heads copied from the needle.");
  for (const bool success : {true, false}) {
    for (const size_t i : some_samples(detection, success, success ? kRightTexts : kWrongTexts)) {
      const GridSample& sample = detection.samples[i];
      const auto needle = json_get<int64_t>(detection.rows[i], "needle", where);
      const std::string label = "needle " + std::to_string(needle) + ", length " +
                                std::to_string(sample.length) + ", depth " +
                                format_number(100 * sample.depth, 3) +
                                " %: " + (success ? "right" : "wrong");
      section.marked_text(label, answer_pieces(detection.rows[i], where));
    }
  }
  return section;
}

}  // namespace retmask
