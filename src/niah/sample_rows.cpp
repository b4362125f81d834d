#include "retmask/niah/sample_rows.h"

#include <map>
#include <tuple>

#include "retmask/base/error.h"

namespace retmask::niah {
namespace {

using Cell = std::tuple<int64_t, int64_t, int64_t>;  // needle, length, depth

// Compares all fields that identify the sample.
bool is_row_of(const Json& row, const Json& sample) {
  for (const auto& [key, value] : sample.items()) {
    if (!row.contains(key) || row[key] != value) return false;
  }
  return true;
}

Cell cell_of(const Json& row, const std::string& where) {
  return {json_get<int64_t>(row, "needle", where),
          json_get<int64_t>(row, "length", where),
          json_get<int64_t>(row, "depth", where)};
}

}  // namespace

Json to_json(const Sample& sample) {
  return {{"needle", sample.needle},
          {"length", sample.length},
          {"depth", sample.depth},
          {"depth_fraction", sample.depth_fraction},
          {"span", {sample.span.begin, sample.span.end}},
          {"tokens", sample.prompt.size()}};
}

std::vector<std::optional<Json>> finished_rows(const Journal& journal,
                                               const std::vector<Sample>& samples) {
  std::map<Cell, size_t> index_of;
  for (size_t i = 0; i < samples.size(); ++i) {
    index_of[{samples[i].needle, samples[i].length, samples[i].depth}] = i;
  }
  std::vector<std::optional<Json>> rows(samples.size());
  for (const Json& row : journal.rows()) {
    const auto found = index_of.find(cell_of(row, journal.path().string()));
    if (found == index_of.end() || !is_row_of(row, to_json(samples[found->second]))) {
      user_error(journal.path(), " holds samples of another run; give another --out");
    }
    rows[found->second] = row;
  }
  return rows;
}

}  // namespace retmask::niah
