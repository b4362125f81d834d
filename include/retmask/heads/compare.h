#pragma once
// Agreement of lists of heads of one model: rank correlation, overlap of the best heads against
// what chance would give, heads that moved, and the change of the masked heads against the others
// (Ma & Okazaki, Figure 5).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/heads/head_list.h"
#include "retmask/metrics/bootstrap.h"

namespace retmask {

struct NamedHeadList {
  std::string name;  // as the user named the file
  HeadList list;
};

// Head counts of a model; unknown ones are empty.
struct ModelHeads {
  std::optional<int64_t> layers = {};
  std::optional<int64_t> heads = {};     // query heads per layer
  std::optional<int64_t> kv_heads = {};  // key/value heads per layer
};

struct CompareOptions {
  // Number of best heads in the overlap: one for all lists, or one per list. Empty: a list without
  // scores counts as a whole; one with scores by its best 10, 20, 40 and 80 heads, as many as the
  // other list has, and those of at least 0.05 and 0.1 (the paper's thresholds).
  std::vector<int64_t> top = {};
  // The model's counts. With them key/value heads become query heads. Otherwise query heads become
  // key/value heads where they meet such a list, if the files tell both counts.
  std::optional<ModelHeads> model = {};
  std::optional<NamedHeadList> mask = {};  // heads whose change is set against that of the others

  // Throws UserError.
  void validate(size_t num_lists) const;
};

struct HeadOverlap {
  int64_t k_a = 0;
  int64_t k_b = 0;
  int64_t common = 0;
  // Of two random sets of heads (hypergeometric distribution); empty if the model's number of heads
  // is unknown.
  std::optional<double> by_chance = {};  // mean: k_a * k_b / number of heads
  std::optional<double> p_value = {};    // of at least `common`
};

// A head that both lists hold.
struct HeadPoint {
  Head head;
  std::optional<double> score_a = {};
  std::optional<double> score_b = {};
  // Among the heads of both lists: 1 is the best; equal scores share their mean rank.
  double rank_a = 0.0;
  double rank_b = 0.0;
};

// Intervals are bootstrap intervals over heads: how far the change depends on which heads there
// are.
struct MeanChange {
  int64_t heads = 0;
  double a = 0.0;  // mean score
  double b = 0.0;
  Interval interval = {};  // of b - a
};

// Of the masked heads against the others.
struct MaskChange {
  MeanChange masked = {};
  MeanChange others = {};
  double difference = 0.0;  // the masked heads' change less that of the others
  Interval interval = {};   // of the difference
};

struct HeadComparison {
  size_t a = 0;  // index of the list
  size_t b = 0;
  bool of_kv_heads = false;               // compared as key/value heads
  std::optional<int64_t> num_heads = {};  // of the model
  std::optional<double> spearman = {};    // over `points`; empty without scores on both sides, and
                                          // if all scores of a side are equal
  std::vector<HeadOverlap> overlap = {};
  std::vector<HeadPoint> points = {};  // by layer and head
  // Indices of the points that changed most, first the one that changed most; only with scores on
  // both sides.
  std::vector<size_t> moved_by_score = {};
  std::vector<size_t> moved_by_rank = {};
  std::optional<MaskChange> change = {};
};

struct HeadComparisons {
  std::vector<NamedHeadList> lists;
  ModelHeads model;
  std::optional<NamedHeadList> mask;
  std::vector<HeadComparison> pairs;  // each list with each later one
};

// Throws UserError for less than two lists, lists of models with different head counts, sizes
// larger than a list, and key/value heads that cannot be related to query heads.
HeadComparisons compare_heads(std::vector<NamedHeadList> lists, const CompareOptions& options);

// compare.json:
//   {"model": {"layers", "heads", "kv_heads"}: each may be null,
//    "files": [{"file", "form", "heads": listed, "scores": true | false, "num_samples": null if
//               unknown, "kv_heads": true | false, "layers", "heads_per_layer": null if unknown}],
//    "mask": the file or null,
//    "pairs": [{"a", "b": files, "heads": "query" | "kv", "model_heads", "common_heads",
//    "spearman",
//               "overlap": [{"k_a", "k_b", "common", "by_chance", "p_value"}],
//               "moved": null | {"by_score": [{"head", "a", "b", "change", "rank_a", "rank_b"}],
//                                "by_rank": [...]},
//               "mask": null | {"masked": {"heads", "a", "b", "change", "interval": [low, high]},
//                               "others": {...}, "difference", "interval"},
//               "points": [{"head": [layer, head], "a", "b": score or null, "rank_a", "rank_b"}]}]}
Json to_json(const HeadComparisons& comparisons);

}  // namespace retmask
