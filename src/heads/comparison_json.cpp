#include "retmask/heads/compare.h"

namespace retmask {
namespace {

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json file_json(const NamedHeadList& named) {
  const HeadList& list = named.list;
  const bool knows_grid = list.grid.has_value();
  return {{"file", named.name},
          {"form", to_string(list.form)},
          {"heads", list.ranked.size()},
          {"scores", list.scores.has_value()},
          {"num_samples", list.num_samples > 0 ? Json(list.num_samples) : Json()},
          {"kv_heads", list.of_kv_heads},
          {"layers", knows_grid ? Json(list.grid->layers) : Json()},
          {"heads_per_layer", knows_grid ? Json(list.grid->heads) : Json()}};
}

Json point_json(const HeadPoint& point) {
  return {{"head", {point.head.layer, point.head.head}},
          {"a", or_null(point.score_a)},
          {"b", or_null(point.score_b)},
          {"rank_a", point.rank_a},
          {"rank_b", point.rank_b}};
}

Json moved_json(const std::vector<HeadPoint>& points, const std::vector<size_t>& moved) {
  Json rows = Json::array();
  for (const size_t i : moved) {
    Json row = point_json(points[i]);
    row["change"] = *points[i].score_b - *points[i].score_a;
    rows.push_back(row);
  }
  return rows;
}

// Means of no heads are NaN, which becomes null.
Json change_json(const MeanChange& change) {
  return {{"heads", change.heads},
          {"a", change.a},
          {"b", change.b},
          {"change", change.b - change.a},
          {"interval", to_json(change.interval)}};
}

Json pair_json(const HeadComparison& pair, const std::vector<NamedHeadList>& lists) {
  const bool has_scores = lists[pair.a].list.scores && lists[pair.b].list.scores;
  Json json{{"a", lists[pair.a].name},
            {"b", lists[pair.b].name},
            {"heads", pair.of_kv_heads ? "kv" : "query"},
            {"model_heads", or_null(pair.num_heads)},
            {"common_heads", pair.points.size()},
            {"spearman", or_null(pair.spearman)},
            {"overlap", Json::array()},
            {"moved", Json()},
            {"mask", Json()},
            {"points", Json::array()}};
  for (const HeadOverlap& overlap : pair.overlap) {
    json["overlap"].push_back({{"k_a", overlap.k_a},
                               {"k_b", overlap.k_b},
                               {"common", overlap.common},
                               {"by_chance", or_null(overlap.by_chance)},
                               {"p_value", or_null(overlap.p_value)}});
  }
  if (has_scores) {
    json["moved"] = {{"by_score", moved_json(pair.points, pair.moved_by_score)},
                     {"by_rank", moved_json(pair.points, pair.moved_by_rank)}};
  }
  if (pair.change) {
    json["mask"] = {{"masked", change_json(pair.change->masked)},
                    {"others", change_json(pair.change->others)},
                    {"difference", pair.change->difference},
                    {"interval", to_json(pair.change->interval)}};
  }
  for (const HeadPoint& point : pair.points) json["points"].push_back(point_json(point));
  return json;
}

}  // namespace

Json to_json(const HeadComparisons& comparisons) {
  const ModelHeads& model = comparisons.model;
  Json json{{"model",
             {{"layers", or_null(model.layers)},
              {"heads", or_null(model.heads)},
              {"kv_heads", or_null(model.kv_heads)}}},
            {"files", Json::array()},
            {"mask", comparisons.mask ? Json(comparisons.mask->name) : Json()},
            {"pairs", Json::array()}};
  for (const NamedHeadList& named : comparisons.lists) json["files"].push_back(file_json(named));
  for (const HeadComparison& pair : comparisons.pairs)
    json["pairs"].push_back(pair_json(pair, comparisons.lists));
  return json;
}

}  // namespace retmask
