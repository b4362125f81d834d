#include "retmask/mask/options.h"

#include <cmath>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"

namespace retmask::mask {
namespace {

constexpr EnumNames<Selection, 3> kSelectionNames{{{
    {Selection::retrieval, "retrieval"},
    {Selection::non_retrieval, "non-retrieval"},
    {Selection::random, "random"},
}}};

}  // namespace

std::string to_string(Selection selection) { return kSelectionNames.name_of(selection); }

Selection parse_selection(const std::string& name) {
  return kSelectionNames.parse("--select", name);
}

void SelectOptions::validate() const {
  const int given = (threshold ? 1 : 0) + (top_k ? 1 : 0) + (heads.empty() ? 0 : 1);
  if (given != 1) {
    user_error(given == 0 ? "none" : "more than one",
               " of ",
               flags.threshold,
               ", ",
               flags.top_k,
               " and --heads is given, expected exactly one",
               given == 0 ? " (a list without scores is cut with " + flags.top_k + ")" : "");
  }
  // A threshold of 0 would select every head. NaN fails the comparison too.
  if (threshold && !(*threshold > 0 && std::isfinite(*threshold))) {
    user_error(flags.threshold, " is ", *threshold, ", expected a number above 0");
  }
  if (top_k && *top_k < 1) user_error(flags.top_k, " is ", *top_k, ", expected at least 1");
}

void Options::validate() const {
  select.validate();
  if (scores.empty() && select.heads.empty()) {
    user_error("--scores is required with ",
               select.flags.threshold,
               " and ",
               select.flags.top_k,
               ": the head_scores.json of a detection run, or another detector's heads");
  }
  if (scores.empty() && !duo_attention_table.empty())
    user_error("--export-duo-attention needs --scores, whose heads it exports");
  if (save.max_shard_bytes < 1)
    user_error("the shard size is ", save.max_shard_bytes, ", expected at least 1 byte");
}

}  // namespace retmask::mask
