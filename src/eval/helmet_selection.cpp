#include "helmet_selection.h"

#include <set>

#include "retmask/base/error.h"
#include "retmask/base/numpy_random.h"
#include "retmask/metrics/helmet_draws.h"

namespace retmask::eval::helmet {

std::vector<DataRow> rows_of_drawn_keys(const Task& task,
                                        const std::vector<DataRow>& rows,
                                        const char* key) {
  if (task.max_samples == 0) return rows;
  std::vector<Json> keys;
  for (const DataRow& row : rows) {
    keys.push_back(row.key(key));
    // Python cannot sort them either.
    if (keys.back().is_string() != keys.front().is_string())
      user_error(row.where,
                 ": \"",
                 key,
                 "\" is ",
                 keys.back().dump(),
                 ", but ",
                 keys.front().dump(),
                 " in the first row; expected either texts or whole numbers in all");
  }
  const std::vector<Json> drawn =
      metrics::helmet_select_keys(keys, static_cast<uint64_t>(task.max_samples), task.seed);
  const std::set<Json> kept(drawn.begin(), drawn.end());
  std::vector<DataRow> selected;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (kept.contains(keys[i])) selected.push_back(rows[i]);
  }
  return selected;
}

std::vector<const DataRow*> draw_demos(const Task& task,
                                       const std::vector<const DataRow*>& demos,
                                       const char* key,
                                       const std::string& row_key) {
  const auto shots = static_cast<size_t>(task.shots);
  std::vector<const DataRow*> drawn;
  if (shots == 0) return drawn;
  std::set<std::string> seen;
  for (const uint64_t i : numpy_permutation(metrics::helmet_row_seed(row_key), demos.size())) {
    if (!seen.insert(demos[i]->key_text(key)).second) continue;
    drawn.push_back(demos[i]);
    if (drawn.size() == shots) return drawn;
  }
  user_error("the file of demonstrations ",
             task.demo_file,
             " has ",
             drawn.size(),
             " for the row with the ",
             key,
             " \"",
             row_key,
             "\", fewer than --shots ",
             shots);
}

std::vector<const DataRow*> rows_except(const std::vector<const DataRow*>& rows,
                                        const char* key,
                                        const std::vector<std::string>& excluded) {
  const std::set<std::string> out(excluded.begin(), excluded.end());
  std::vector<const DataRow*> kept;
  for (const DataRow* row : rows) {
    if (!out.contains(row->key_text(key))) kept.push_back(row);
  }
  return kept;
}

std::vector<const DataRow*> pointers_to(const std::vector<DataRow>& rows) {
  std::vector<const DataRow*> pointers;
  for (const DataRow& row : rows) pointers.push_back(&row);
  return pointers;
}

}  // namespace retmask::eval::helmet
