#include "suggest.h"

#include <algorithm>
#include <numeric>

#include "foreign_names.h"

namespace retmask::cli {
namespace {

// Levenshtein's distance, one row at a time.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(const std::string& name, const std::vector<std::string>& known) {
  const std::string plain = plain_name(name);
  std::vector<std::string> meant = {plain};  // --max_new_tokens
  for (const std::string& own : own_names(plain)) meant.push_back(own);
  for (const std::string& own : meant) {
    for (const std::string& candidate : known) {
      if (plain_name(candidate) == own) return "; did you mean " + candidate + "?";
    }
  }
  if (meant.size() > 1) return "";  // a known foreign name without a counterpart here
  const std::string* nearest = nullptr;
  size_t smallest = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(name, candidate);
    if (distance < smallest) {
      smallest = distance;
      nearest = &candidate;
    }
  }
  return nearest != nullptr ? "; did you mean " + *nearest + "?" : "";
}

}  // namespace retmask::cli
