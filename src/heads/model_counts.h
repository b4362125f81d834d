#pragma once
// The head counts of the model whose heads are compared.

#include <optional>
#include <vector>

#include "retmask/heads/compare.h"

namespace retmask {

// What the files and options.model tell. Throws UserError if they disagree, and for a head outside
// of the model.
ModelHeads collect_counts(const std::vector<NamedHeadList>& lists, const CompareOptions& options);

// Empty if unknown.
std::optional<HeadGrid> grid_of(const ModelHeads& model, bool of_kv_heads);

// `named` as query heads or as key/value heads. Throws UserError if the counts are unknown.
HeadList at_level(const NamedHeadList& named, bool of_kv_heads, const ModelHeads& model);

}  // namespace retmask
