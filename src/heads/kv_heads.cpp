#include <set>

#include "retmask/base/error.h"
#include "retmask/heads/head_list.h"

namespace retmask {
namespace {

// `heads` in their order, without scores or with `scores`, which order them again.
HeadList regrouped(const HeadList& list, std::vector<Head> heads, HeadMeans scores, bool to_kv) {
  HeadList result = list;
  result.ranked = std::move(heads);
  if (list.scores) {
    result.ranked = list_with_scores(list.form, scores).ranked;
    result.scores = std::move(scores);
  }
  result.of_kv_heads = to_kv;
  return result;
}

}  // namespace

HeadList to_query_heads(const HeadList& list, int64_t heads, int64_t kv_heads) {
  RETMASK_CHECK(list.of_kv_heads && kv_heads > 0 && heads % kv_heads == 0);
  const int64_t group = heads / kv_heads;
  std::vector<Head> expanded;
  HeadMeans scores;
  for (const Head& kv : list.ranked) {
    for (int64_t i = 0; i < group; ++i) {
      expanded.push_back({kv.layer, kv.head * group + i});
      if (list.scores) scores[expanded.back()] = list.scores->at(kv);
    }
  }
  HeadList result = regrouped(list, std::move(expanded), std::move(scores), /*to_kv=*/false);
  if (result.grid) result.grid->heads = heads;
  return result;
}

HeadList to_kv_heads(const HeadList& list, int64_t heads, int64_t kv_heads) {
  RETMASK_CHECK(!list.of_kv_heads && kv_heads > 0 && heads % kv_heads == 0);
  const int64_t group = heads / kv_heads;
  std::vector<Head> first;  // heads of each group, best first
  HeadMeans scores;
  std::set<Head> seen;
  for (const Head& head : list.ranked) {
    const Head kv{head.layer, head.head / group};
    if (!seen.insert(kv).second) continue;
    first.push_back(kv);
    if (list.scores) scores[kv] = list.scores->at(head);
  }
  HeadList result = regrouped(list, std::move(first), std::move(scores), /*to_kv=*/true);
  if (result.grid) result.grid->heads = kv_heads;
  return result;
}

}  // namespace retmask
