#include "retmask/mask/select_heads.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "retmask/base/enum_names.h"
#include "retmask/base/error.h"
#include "retmask/base/random.h"

namespace retmask::mask {
namespace {

constexpr EnumNames<Selection, 3> kSelectionNames{{{
    {Selection::retrieval, "retrieval"},
    {Selection::non_retrieval, "non-retrieval"},
    {Selection::random, "random"},
}}};

std::vector<Head> all_heads(const ModelConfig& config) {
  std::vector<Head> heads;
  for (int64_t layer = 0; layer < config.num_hidden_layers(); ++layer) {
    for (int64_t head = 0; head < config.num_attention_heads; ++head)
      heads.push_back({layer, head});
  }
  return heads;
}

// All heads by descending mean; ties by (layer, head).
std::vector<Head> ranked_heads(const HeadScores& scores) {
  std::vector<Head> heads;
  for (const auto& [head, mean] : scores.mean) heads.push_back(head);
  std::stable_sort(heads.begin(), heads.end(), [&](const Head& a, const Head& b) {
    return scores.mean.at(a) > scores.mean.at(b);
  });
  return heads;
}

std::vector<Head> retrieval_heads(const SelectOptions& options,
                                  const ModelConfig& config,
                                  const HeadScores* scores) {
  if (!options.heads.empty()) return parse_heads(options.heads, config, "--heads");
  RETMASK_CHECK(scores != nullptr);
  std::vector<Head> heads = ranked_heads(*scores);
  if (options.top_k) {
    const auto available = static_cast<int64_t>(heads.size());
    if (*options.top_k > available) {
      user_error(options.flag_prefix,
                 "top-k is ",
                 *options.top_k,
                 ", the model has only ",
                 available,
                 " heads");
    }
    heads.resize(static_cast<size_t>(*options.top_k));
  } else {
    const Head best = heads.front();
    std::erase_if(heads,
                  [&](const Head& head) { return scores->mean.at(head) < *options.threshold; });
    if (heads.empty()) {
      user_error("no head has a mean score of ",
                 options.flag_prefix,
                 "threshold ",
                 *options.threshold,
                 " or more; the highest is ",
                 scores->mean.at(best),
                 " (",
                 to_string(best),
                 ")");
    }
  }
  std::sort(heads.begin(), heads.end());
  return heads;
}

std::vector<Head> draw(std::vector<Head> candidates, size_t count, const SelectOptions& options) {
  const std::string name = to_string(options.selection);
  if (candidates.size() < count) {
    user_error("--select ",
               name,
               " needs ",
               count,
               " heads, only ",
               candidates.size(),
               " are not retrieval heads");
  }
  RandomStream random(options.seed, "mask " + name);
  shuffle(candidates, random);
  candidates.resize(count);
  std::sort(candidates.begin(), candidates.end());
  return candidates;
}

}  // namespace

std::string to_string(Selection selection) { return kSelectionNames.name_of(selection); }

Selection parse_selection(const std::string& name) {
  return kSelectionNames.parse("--select", name);
}

void SelectOptions::validate() const {
  const int given = (threshold ? 1 : 0) + (top_k ? 1 : 0) + (heads.empty() ? 0 : 1);
  if (given != 1) {
    user_error(given == 0 ? "none" : "more than one",
               " of --threshold, --top-k and --heads is given, expected exactly one");
  }
  // A threshold of 0 would select every head. NaN fails the comparison too.
  if (threshold && !(*threshold > 0 && std::isfinite(*threshold))) {
    user_error(flag_prefix, "threshold is ", *threshold, ", expected a number above 0");
  }
  if (top_k && *top_k < 1) user_error(flag_prefix, "top-k is ", *top_k, ", expected at least 1");
}

std::vector<Head> select_heads(const SelectOptions& options,
                               const ModelConfig& config,
                               const HeadScores* scores) {
  std::vector<Head> retrieval = retrieval_heads(options, config, scores);
  std::vector<Head> candidates = all_heads(config);
  switch (options.selection) {
    case Selection::retrieval:
      return retrieval;
    case Selection::non_retrieval:
      std::erase_if(candidates, [&](const Head& head) {
        return std::binary_search(retrieval.begin(), retrieval.end(), head);
      });
      return draw(std::move(candidates), retrieval.size(), options);
    case Selection::random:
      return draw(std::move(candidates), retrieval.size(), options);
  }
  RETMASK_CHECK(false, "selection ", static_cast<int>(options.selection));
  return {};  // not reached
}

}  // namespace retmask::mask
