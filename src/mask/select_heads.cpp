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

std::vector<Head> first_heads(const HeadList& list, int64_t k, const SelectOptions& options) {
  const auto available = static_cast<int64_t>(list.ranked.size());
  if (k > available) {
    user_error(options.flags.top_k,
               " is ",
               k,
               list.grid && available == list.grid->size() ? ", the model has only "
                                                           : ", --scores lists only ",
               available,
               " heads");
  }
  return {list.ranked.begin(), list.ranked.begin() + k};
}

std::vector<Head> heads_of_at_least(const HeadList& list,
                                    double threshold,
                                    const SelectOptions& options) {
  if (!list.scores) {
    user_error(options.flags.threshold,
               " needs scores, and --scores is a list of ",
               list.ranked.size(),
               " heads without any (",
               to_string(list.form),
               "); take its first K heads with ",
               options.flags.top_k);
  }
  std::vector<Head> heads;
  for (const Head& head : list.ranked) {
    if (list.scores->at(head) >= threshold) heads.push_back(head);
  }
  if (heads.empty()) {
    user_error("no head has a mean score of ",
               options.flags.threshold,
               " ",
               threshold,
               " or more; the highest is ",
               list.scores->at(list.ranked.front()),
               " (",
               to_string(list.ranked.front()),
               ")");
  }
  return heads;
}

std::vector<Head> retrieval_heads(const SelectOptions& options,
                                  const ModelConfig& config,
                                  const HeadList* list) {
  if (!options.heads.empty()) return parse_heads(options.heads, config, "--heads");
  RETMASK_CHECK(list != nullptr);
  std::vector<Head> heads = options.top_k ? first_heads(*list, *options.top_k, options)
                                          : heads_of_at_least(*list, *options.threshold, options);
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
                               const HeadList* list) {
  std::vector<Head> retrieval = retrieval_heads(options, config, list);
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
