#include "retmask/heads/head_list.h"

#include <algorithm>
#include <set>

#include "forms.h"
#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace retmask {
namespace {

constexpr EnumNames<HeadForm, 8> kFormNames{{{
    {HeadForm::head_scores, "head_scores"},
    {HeadForm::summary, "summary"},
    {HeadForm::mask, "mask"},
    {HeadForm::locos, "locos"},
    {HeadForm::qrhead_scores, "qrhead_scores"},
    {HeadForm::qrhead, "qrhead"},
    {HeadForm::dysco, "dysco"},
    {HeadForm::duo_attention, "duo_attention"},
}}};

constexpr int64_t kMostIndices = 1 << 20;  // no model has as many layers, or heads in a layer

void check_indices(const HeadList& list, const std::string& where) {
  const auto is_count = [](int64_t count) { return count >= 1 && count <= kMostIndices; };
  if (list.grid && !(is_count(list.grid->layers) && is_count(list.grid->heads))) {
    user_error(where,
               ": no model has ",
               list.grid->layers,
               " layers of ",
               list.grid->heads,
               " heads; is the file damaged?");
  }
  for (const Head& head : list.ranked) {
    if (head.layer < kMostIndices && head.head < kMostIndices) continue;
    user_error(where, ": no model has a head ", to_string(head), "; is the file damaged?");
  }
}

}  // namespace

const char* const kHeadListForms =
    "heads in one of the known forms: {\"layer-head\": [score, ...], ...} as detect writes it into "
    "head_scores.json, summary.json, mask.json, LOCOS's {\"scores\": {...}}, QRHead's YAML "
    "(attn_head_set) or [[\"layer-head\", score], ...], DySCO's YAML (selected_heads), "
    "DuoAttention's table of gates";

std::string to_string(HeadForm form) { return kFormNames.name_of(form); }

HeadList list_in_order(HeadForm form, std::vector<Head> heads, const std::string& where) {
  if (heads.empty()) user_error(where, " lists no heads");
  std::set<Head> seen;
  for (const Head& head : heads) {
    if (!seen.insert(head).second)
      user_error(where, ": head ", to_string(head), " is listed twice");
  }
  HeadList list;
  list.form = form;
  list.ranked = std::move(heads);
  return list;
}

HeadList list_with_scores(HeadForm form, HeadMeans scores) {
  HeadList list;
  list.form = form;
  HeadGrid grid;
  for (const auto& [head, score] : ranked_heads(scores)) {
    list.ranked.push_back(head);
    if (head.layer >= kMostIndices || head.head >= kMostIndices) continue;
    grid = {std::max(grid.layers, head.layer + 1), std::max(grid.heads, head.head + 1)};
  }
  if (static_cast<int64_t>(list.ranked.size()) == grid.size()) list.grid = grid;
  list.scores = std::move(scores);
  return list;
}

HeadList parse_head_list(std::string_view text, const std::string& where) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) user_error(where, " is empty, expected ", kHeadListForms);
  HeadList list;
  if (text[begin] == '{' || text[begin] == '[') {
    list = parse_json_form(text, where);
  } else if (is_gate_table(text)) {
    list = parse_gate_table(text, where);
  } else {
    list = parse_yaml_form(text, where);
  }
  check_indices(list, where);
  if (list.grid) check_within(list, *list.grid, where);
  return list;
}

HeadList read_head_list(const std::filesystem::path& path, std::string_view what) {
  return parse_head_list(read_text_file(path, what), path.string());
}

void check_within(const HeadList& list, const HeadGrid& grid, const std::string& where) {
  std::string outside;
  for (const Head& head : list.ranked) {
    if (head.layer < grid.layers && head.head < grid.heads) continue;
    outside += (outside.empty() ? "" : ", ") + to_string(head);
  }
  if (outside.empty()) return;
  user_error(where,
             ": the model has no ",
             list.of_kv_heads ? "key/value " : "",
             "head ",
             outside,
             "; it has layers 0 to ",
             grid.layers - 1,
             " with heads 0 to ",
             grid.heads - 1);
}

}  // namespace retmask
