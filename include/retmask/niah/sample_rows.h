#pragma once
// Samples as lines of a journal, so that a stopped run goes on where it was.

#include <optional>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/niah/sample.h"

namespace retmask::niah {

// {"needle", "length", "depth", "depth_fraction", "span", "tokens"}: what was asked.
Json to_json(const Sample& sample);

// The journal's row of each sample, for those that an earlier run has answered. Rows begin with
// to_json(sample). Throws UserError for a row of no such sample.
std::vector<std::optional<Json>> finished_rows(const Journal& journal,
                                               const std::vector<Sample>& samples);

}  // namespace retmask::niah
