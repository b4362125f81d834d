#pragma once
// Journal rows of samples, for resuming an interrupted run.

#include <optional>
#include <vector>

#include "retmask/base/journal.h"
#include "retmask/niah/sample.h"

namespace retmask::niah {

// {"needle", "length", "depth", "depth_fraction", "span", "tokens"}: identifies the sample.
Json to_json(const Sample& sample);

// Returns the journal row of each sample that an earlier run has answered. Rows begin with
// to_json(sample). Throws UserError for a row that matches no sample.
std::vector<std::optional<Json>> finished_rows(const Journal& journal,
                                               const std::vector<Sample>& samples);

}  // namespace retmask::niah
