#include "retmask/heads/compare.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <utility>

#include "retmask/base/error.h"
#include "statistics.h"

namespace retmask {
namespace {

constexpr std::array<int64_t, 4> kSizes = {10, 20, 40, 80};
constexpr std::array<double, 2> kPaperThresholds = {0.05, 0.1};
constexpr size_t kMoved = 10;

// A count of the model and who told it.
struct ToldCount {
  int64_t count;
  std::string by;
};

// Head counts collected from the files and the model, which must agree.
class KnownCounts {
 public:
  void add(const NamedHeadList& named) {
    const std::optional<HeadGrid>& grid = named.list.grid;
    if (!grid) return;
    tell(layers_, grid->layers, " layers", named.name);
    if (named.list.of_kv_heads) {
      tell(kv_heads_, grid->heads, kKvHeads, named.name);
    } else {
      tell(heads_, grid->heads, kHeads, named.name);
    }
  }

  void add(const ModelHeads& model) {
    if (model.layers) tell(layers_, *model.layers, " layers", "--model");
    if (model.heads) tell(heads_, *model.heads, kHeads, "--model");
    if (model.kv_heads) tell(kv_heads_, *model.kv_heads, kKvHeads, "--model");
  }

  ModelHeads counts() const {
    const auto count = [](const std::optional<ToldCount>& known) {
      return known ? std::optional(known->count) : std::nullopt;
    };
    return {.layers = count(layers_), .heads = count(heads_), .kv_heads = count(kv_heads_)};
  }

 private:
  static constexpr const char* kHeads = " heads per layer";
  static constexpr const char* kKvHeads = " key/value heads per layer";

  static void tell(std::optional<ToldCount>& known,
                   int64_t count,
                   const char* what,
                   const std::string& by) {
    if (!known) known = {count, by};
    if (known->count == count) return;
    user_error(by,
               " is for a model with ",
               count,
               what,
               ", ",
               known->by,
               " for one with ",
               known->count,
               "; only heads of one model can be compared");
  }

  std::optional<ToldCount> layers_;
  std::optional<ToldCount> heads_;
  std::optional<ToldCount> kv_heads_;
};

std::optional<HeadGrid> grid_of(const ModelHeads& model, bool of_kv_heads) {
  const std::optional<int64_t>& heads = of_kv_heads ? model.kv_heads : model.heads;
  if (!model.layers || !heads) return std::nullopt;
  return HeadGrid{*model.layers, *heads};
}

ModelHeads model_of(const std::vector<NamedHeadList>& lists, const CompareOptions& options) {
  KnownCounts known;
  if (options.model) known.add(*options.model);
  for (const NamedHeadList& named : lists) known.add(named);
  if (options.mask) known.add(*options.mask);
  const ModelHeads model = known.counts();
  if (model.heads && model.kv_heads && *model.heads % *model.kv_heads != 0) {
    user_error("a model with ",
               *model.heads,
               " heads per layer cannot have ",
               *model.kv_heads,
               " key/value heads, which must divide them; are the files of one model?");
  }
  const auto check = [&](const NamedHeadList& named) {
    if (const auto grid = grid_of(model, named.list.of_kv_heads))
      check_within(named.list, *grid, named.name);
  };
  for (const NamedHeadList& named : lists) check(named);
  if (options.mask) check(*options.mask);
  return model;
}

// `named` as query heads or as key/value heads.
HeadList at_level(const NamedHeadList& named, bool of_kv_heads, const ModelHeads& model) {
  const HeadList& list = named.list;
  if (list.of_kv_heads == of_kv_heads) return list;
  if (!model.heads || !model.kv_heads) {
    user_error(named.name,
               list.of_kv_heads ? " has key/value heads" : " has query heads",
               " and another file ",
               of_kv_heads ? "key/value heads" : "query heads",
               "; how many query heads share a key/value head is in none of the files: give the "
               "model's folder as --model");
  }
  return of_kv_heads ? to_kv_heads(list, *model.heads, *model.kv_heads)
                     : to_query_heads(list, *model.heads, *model.kv_heads);
}

int64_t size_of(const HeadList& list) { return static_cast<int64_t>(list.ranked.size()); }

int64_t heads_of_at_least(const HeadList& list, double threshold) {
  return std::ranges::count_if(*list.scores,
                               [&](const auto& score) { return score.second >= threshold; });
}

// (k_a, k_b) of the rows of the overlap.
using Sizes = std::set<std::pair<int64_t, int64_t>>;

// Without --top. A threshold that most heads reach says nothing.
Sizes sensible_sizes(const HeadList& a, const HeadList& b) {
  Sizes sizes;
  if (!a.scores && !b.scores) return {{size_of(a), size_of(b)}};
  if (!a.scores || !b.scores) {
    const HeadList& list = a.scores ? b : a;
    const HeadList& scored = a.scores ? a : b;
    std::set<int64_t> of_scored(kSizes.begin(), kSizes.end());
    of_scored.insert(size_of(list));
    for (const double threshold : kPaperThresholds) {
      const int64_t count = heads_of_at_least(scored, threshold);
      if (count <= size_of(scored) / 2) of_scored.insert(count);
    }
    for (const int64_t k : of_scored) {
      if (k < 1 || k > size_of(scored)) continue;
      sizes.insert(a.scores ? std::pair(k, size_of(list)) : std::pair(size_of(list), k));
    }
    return sizes;
  }
  for (const int64_t k : kSizes) {
    if (k <= std::min(size_of(a), size_of(b))) sizes.insert({k, k});
  }
  for (const double threshold : kPaperThresholds) {
    const int64_t of_a = heads_of_at_least(a, threshold);
    const int64_t of_b = heads_of_at_least(b, threshold);
    const bool says_something = of_a <= size_of(a) / 2 && of_b <= size_of(b) / 2;
    if (of_a > 0 && of_b > 0 && says_something) sizes.insert({of_a, of_b});
  }
  if (sizes.empty()) {
    const int64_t half = std::max<int64_t>(1, std::min(size_of(a), size_of(b)) / 2);
    sizes.insert({half, half});
  }
  return sizes;
}

int64_t asked_size(const NamedHeadList& named, int64_t asked, const HeadList& list) {
  if (asked <= size_of(list)) return asked;
  user_error("--top asks for ",
             asked,
             " heads of ",
             named.name,
             ", which has ",
             size_of(list),
             list.of_kv_heads ? " key/value heads" : "",
             "; give a size per file, such as --top 40,16");
}

HeadOverlap overlap_of(const HeadList& a,
                       const HeadList& b,
                       std::pair<int64_t, int64_t> sizes,
                       std::optional<int64_t> num_heads) {
  const auto best = [](const HeadList& list, int64_t k) {
    return std::set<Head>(list.ranked.begin(), list.ranked.begin() + k);
  };
  const std::set<Head> of_a = best(a, sizes.first);
  const std::set<Head> of_b = best(b, sizes.second);
  HeadOverlap overlap{.k_a = sizes.first, .k_b = sizes.second};
  overlap.common =
      std::ranges::count_if(of_a, [&](const Head& head) { return of_b.contains(head); });
  if (num_heads) {
    overlap.by_chance = static_cast<double>(sizes.first) * static_cast<double>(sizes.second) /
                        static_cast<double>(*num_heads);
    overlap.p_value = overlap_p_value(overlap.common, sizes.first, sizes.second, *num_heads);
  }
  return overlap;
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

std::array<MeanChange, 2> change_of(const std::vector<HeadPoint>& points,
                                    const std::vector<Head>& mask) {
  const std::set<Head> masked(mask.begin(), mask.end());
  std::array<MeanChange, 2> changes;
  for (const HeadPoint& point : points) {
    MeanChange& change = changes[masked.contains(point.head) ? 0 : 1];
    ++change.heads;
    change.a += *point.score_a;
    change.b += *point.score_b;
  }
  for (MeanChange& change : changes) {
    change.a /= static_cast<double>(change.heads);
    change.b /= static_cast<double>(change.heads);
  }
  return changes;
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

  Sizes sizes;
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
  all.model = model_of(lists, options);
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
