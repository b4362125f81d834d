#include "select_heads.h"

#include <algorithm>
#include <iterator>

#include "retmask/base/error.h"
#include "retmask/base/random.h"

namespace retmask::mask {
namespace {

std::vector<Head> all_heads(const ModelConfig& config) {
  std::vector<Head> heads;
  for (int64_t layer = 0; layer < config.num_hidden_layers(); ++layer) {
    for (int64_t head = 0; head < config.num_attention_heads; ++head)
      heads.push_back({layer, head});
  }
  return heads;
}

std::vector<Head> retrieval_heads(const SelectOptions& options,
                                  const ModelConfig& config,
                                  const HeadMeans* means) {
  if (!options.heads.empty()) return parse_heads(options.heads, config, "--heads");
  RETMASK_CHECK(means != nullptr);
  std::vector<HeadMean> ranked = ranked_heads(*means);
  if (options.top_k) {
    const auto available = static_cast<int64_t>(ranked.size());
    if (*options.top_k > available) {
      user_error(options.flags.top_k,
                 " is ",
                 *options.top_k,
                 ", the model has only ",
                 available,
                 " heads");
    }
    ranked.resize(static_cast<size_t>(*options.top_k));
  } else {
    const HeadMean best = ranked.front();
    std::erase_if(ranked, [&](const HeadMean& head) { return head.mean < *options.threshold; });
    if (ranked.empty()) {
      user_error("no head has a mean score of ",
                 options.flags.threshold,
                 " ",
                 *options.threshold,
                 " or more; the highest is ",
                 best.mean,
                 " (",
                 to_string(best.head),
                 ")");
    }
  }
  std::vector<Head> heads;
  for (const auto& [head, mean] : ranked) heads.push_back(head);
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

std::vector<Head> select_heads(const SelectOptions& options,
                               const ModelConfig& config,
                               const HeadMeans* means) {
  std::vector<Head> retrieval = retrieval_heads(options, config, means);
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
