#include "retmask/heads/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "model_counts.h"
#include "overlap.h"
#include "retmask/base/error.h"
#include "retmask/metrics/rank_correlation.h"

namespace retmask {
namespace {

constexpr size_t kMoved = 10;

int64_t asked_size(const NamedHeadList& named, int64_t asked, const HeadList& list) {
  if (asked <= static_cast<int64_t>(list.ranked.size())) return asked;
  user_error("--top asks for ",
             asked,
             " heads of ",
             named.name,
             ", which has ",
             static_cast<int64_t>(list.ranked.size()),
             list.of_kv_heads ? " key/value heads" : "",
             "; give a size per file, such as --top 40,16");
}

// The larger the better: the score, or for a list without scores the place from the end.
HeadMeans standing_of(const HeadList& list) {
  if (list.scores) return *list.scores;
  HeadMeans standing;
  for (size_t i = 0; i < list.ranked.size(); ++i)
    standing[list.ranked[i]] = -static_cast<double>(i);
  return standing;
}

std::vector<HeadPoint> points_of(const HeadList& a, const HeadList& b) {
  const HeadMeans in_a = standing_of(a);
  const HeadMeans in_b = standing_of(b);
  std::vector<HeadPoint> points;
  std::vector<double> of_a;
  std::vector<double> of_b;
  for (const auto& [head, value] : in_a) {
    const auto found = in_b.find(head);
    if (found == in_b.end()) continue;
    points.push_back({.head = head});
    if (a.scores) points.back().score_a = value;
    if (b.scores) points.back().score_b = found->second;
    of_a.push_back(value);
    of_b.push_back(found->second);
  }
  const std::vector<double> rank_a = descending_ranks(of_a);
  const std::vector<double> rank_b = descending_ranks(of_b);
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].rank_a = rank_a[i];
    points[i].rank_b = rank_b[i];
  }
  return points;
}

std::optional<double> spearman_of(const std::vector<HeadPoint>& points) {
  std::vector<double> a;
  std::vector<double> b;
  for (const HeadPoint& point : points) {
    a.push_back(point.rank_a);
    b.push_back(point.rank_b);
  }
  return correlation(a, b);
}

template <typename Change>
std::vector<size_t> most_moved(const std::vector<HeadPoint>& points, const Change& change) {
  std::vector<size_t> moved;
  for (size_t i = 0; i < points.size(); ++i) {
    if (change(points[i]) != 0) moved.push_back(i);
  }
  std::ranges::stable_sort(moved, [&](size_t x, size_t y) {
    return std::abs(change(points[x])) > std::abs(change(points[y]));
  });
  moved.resize(std::min(moved.size(), kMoved));
  return moved;
}

MaskChange change_of(const std::vector<HeadPoint>& points, const std::vector<Head>& mask) {
  const std::set<Head> masked(mask.begin(), mask.end());
  MaskChange change;
  std::array<std::vector<double>, 2> changes;  // of each masked and of each other head
  for (const HeadPoint& point : points) {
    const bool is_masked = masked.contains(point.head);
    MeanChange& group = is_masked ? change.masked : change.others;
    ++group.heads;
    group.a += *point.score_a;
    group.b += *point.score_b;
    changes[is_masked ? 0 : 1].push_back(*point.score_b - *point.score_a);
  }
  for (MeanChange* group : {&change.masked, &change.others}) {
    group->a /= static_cast<double>(group->heads);
    group->b /= static_cast<double>(group->heads);
  }
  change.masked.interval = bootstrap_mean(changes[0]);
  change.others.interval = bootstrap_mean(changes[1]);
  change.difference = (change.masked.b - change.masked.a) - (change.others.b - change.others.a);
  change.interval = bootstrap_unpaired_difference(changes[1], changes[0]);
  return change;
}

HeadComparison compare_pair(const HeadComparisons& all,
                            size_t a,
                            size_t b,
                            const CompareOptions& options) {
  const NamedHeadList& named_a = all.lists[a];
  const NamedHeadList& named_b = all.lists[b];
  const bool both_kv = named_a.list.of_kv_heads && named_b.list.of_kv_heads;
  const bool one_kv = named_a.list.of_kv_heads || named_b.list.of_kv_heads;
  HeadComparison pair{.a = a, .b = b, .of_kv_heads = both_kv || (one_kv && !options.model)};
  const HeadList list_a = at_level(named_a, pair.of_kv_heads, all.model);
  const HeadList list_b = at_level(named_b, pair.of_kv_heads, all.model);
  if (const auto grid = grid_of(all.model, pair.of_kv_heads)) pair.num_heads = grid->size();

  OverlapSizes sizes;
  if (options.top.empty()) {
    sizes = sensible_sizes(list_a, list_b);
  } else {
    const int64_t k_a = options.top.size() == 1 ? options.top.front() : options.top[a];
    const int64_t k_b = options.top.size() == 1 ? options.top.front() : options.top[b];
    sizes = {{asked_size(named_a, k_a, list_a), asked_size(named_b, k_b, list_b)}};
  }
  for (const auto& k : sizes) pair.overlap.push_back(overlap_of(list_a, list_b, k, pair.num_heads));

  pair.points = points_of(list_a, list_b);
  if (list_a.scores && list_b.scores) {
    pair.spearman = spearman_of(pair.points);
    pair.moved_by_score = most_moved(
        pair.points, [](const HeadPoint& point) { return *point.score_b - *point.score_a; });
    pair.moved_by_rank =
        most_moved(pair.points, [](const HeadPoint& point) { return point.rank_b - point.rank_a; });
    if (all.mask)
      pair.change = change_of(pair.points, at_level(*all.mask, pair.of_kv_heads, all.model).ranked);
  }
  return pair;
}

}  // namespace

void CompareOptions::validate(size_t num_lists) const {
  if (num_lists < 2)
    user_error("--compare has ", num_lists, " file, expected at least two files with heads");
  for (const int64_t k : top) {
    if (k < 1) user_error("--top is ", k, ", expected at least 1");
  }
  if (top.size() > 1 && top.size() != num_lists) {
    user_error("--top has ",
               top.size(),
               " sizes for ",
               num_lists,
               " files, expected one size, or one per file");
  }
  if (mask && mask->list.scores) {
    user_error(mask->name, " holds scores, expected a list of the masked heads, such as mask.json");
  }
}

HeadComparisons compare_heads(std::vector<NamedHeadList> lists, const CompareOptions& options) {
  options.validate(lists.size());
  HeadComparisons all;
  all.model = collect_counts(lists, options);
  all.lists = std::move(lists);
  all.mask = options.mask;
  for (size_t a = 0; a < all.lists.size(); ++a) {
    for (size_t b = a + 1; b < all.lists.size(); ++b)
      all.pairs.push_back(compare_pair(all, a, b, options));
  }
  const bool has_change = std::ranges::any_of(
      all.pairs, [](const HeadComparison& pair) { return pair.change.has_value(); });
  if (all.mask && !has_change) {
    user_error("--mask needs two files with scores, of which the change is taken; --compare has ",
               std::ranges::count_if(all.lists, [](const NamedHeadList& named) {
                 return named.list.scores.has_value();
               }));
  }
  return all;
}

}  // namespace retmask
