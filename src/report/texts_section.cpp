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
  if (!row.contains("steps") || row["steps"].is_null())
    return {{json_get<std::string>(row, "answer", where)}};
  std::vector<TextPiece> pieces;
  for (const Json& step : json_get<std::vector<Json>>(row, "steps", where)) {
    pieces.push_back({json_get<std::string>(step, "text", where),
                      copied_by(json_get<std::vector<std::string>>(step, "copied_by", where))});
  }
  return pieces;
}

struct ShownText {
  std::string label;
  const Json* row = nullptr;
};

// At most `count` of the answers with this outcome, spread over the grid.
std::vector<ShownText> some_texts(const Detection& detection,
                                  bool success,
                                  size_t count,
                                  const std::string& where) {
  std::vector<ShownText> all;
  for (const Json& row : detection.rows) {
    const auto sample = grid_sample(row, where);
    if (!sample || sample->success != success) continue;
    all.push_back({"needle " + std::to_string(json_get<int64_t>(row, "needle", where)) +
                       ", length " + std::to_string(sample->length) + ", depth " +
                       format_number(100 * sample->depth, 3) +
                       " %: " + (success ? "right" : "wrong"),
                   &row});
  }
  if (all.size() <= count) return all;
  std::vector<ShownText> some;
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
    const size_t count = success ? kRightTexts : kWrongTexts;
    for (const ShownText& text : some_texts(detection, success, count, where))
      section.marked_text(text.label, answer_pieces(*text.row, where));
  }
  return section;
}

}  // namespace retmask
