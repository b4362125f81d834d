#include "retmask/metrics/helmet_draws.h"

#include <algorithm>
#include <map>
#include <set>

#include "retmask/base/file.h"
#include "retmask/base/python_random.h"

namespace retmask::metrics {

uint64_t helmet_row_seed(std::string_view key, uint64_t offset) {
  const std::string digest = sha256(key);  // hexadecimal
  const uint64_t low = std::stoull(digest.substr(digest.size() - 8), nullptr, 16);
  return (low + offset) % (uint64_t{1} << 31);
}

std::vector<Json> helmet_select_keys(const std::vector<Json>& keys, uint64_t count, uint64_t seed) {
  const std::set<Json> distinct(keys.begin(), keys.end());
  const std::vector<Json> sorted(distinct.begin(), distinct.end());
  PythonRandom random(seed);
  std::vector<Json> selected;
  for (const uint64_t i : random.sample(sorted.size(), std::min<uint64_t>(count, sorted.size()))) {
    selected.push_back(sorted[i]);
  }
  return selected;
}

std::vector<std::vector<uint64_t>> helmet_alce_demos(uint64_t rows,
                                                     uint64_t demos,
                                                     uint64_t shots,
                                                     uint64_t seed) {
  PythonRandom random(seed);
  std::vector<std::vector<uint64_t>> drawn;
  for (uint64_t row = 0; row < rows; ++row) drawn.push_back(random.sample(demos, shots));
  return drawn;
}

std::vector<uint64_t> helmet_label_mapping(uint64_t labels, uint64_t seed) {
  std::vector<uint64_t> mapping;
  for (uint64_t label = 0; label < labels; ++label) mapping.push_back(label);
  PythonRandom(seed).shuffle(mapping);
  return mapping;
}

std::vector<uint64_t> helmet_balanced_rows(const std::vector<int64_t>& labels,
                                           uint64_t shots,
                                           uint64_t seed) {
  std::vector<std::vector<uint64_t>> groups;  // rows by label, in order of first appearance
  std::map<int64_t, size_t> group_of;
  for (size_t row = 0; row < labels.size(); ++row) {
    const auto [place, added] = group_of.emplace(labels[row], groups.size());
    if (added) groups.emplace_back();
    groups[place->second].push_back(row);
  }
  if (groups.empty()) return {};
  const uint64_t round_count = (shots + groups.size() - 1) / groups.size();
  std::vector<std::vector<uint64_t>> rounds(round_count);
  PythonRandom random(seed);
  for (const std::vector<uint64_t>& group : groups) {
    std::vector<uint64_t> chosen = random.sample(group.size(), round_count % group.size());
    while (chosen.size() < round_count) {
      const uint64_t missing = round_count - chosen.size();
      for (const uint64_t one :
           random.sample(group.size(), std::min<uint64_t>(missing, group.size()))) {
        chosen.push_back(one);
      }
    }
    for (uint64_t round = 0; round < round_count; ++round) {
      rounds[round].push_back(group[chosen[round]]);
    }
  }
  std::vector<uint64_t> rows;
  for (std::vector<uint64_t>& round : rounds) {
    random.shuffle(round);
    rows.insert(rows.end(), round.begin(), round.end());
  }
  rows.resize(std::min<size_t>(rows.size(), shots));
  return rows;
}

std::vector<std::vector<uint64_t>> gpqa_permutations(uint64_t questions, uint64_t seed) {
  return helmet_alce_demos(questions, /*demos=*/4, /*shots=*/4, seed);
}

}  // namespace retmask::metrics
