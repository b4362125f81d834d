#pragma once
// Journal rows of samples, for resuming an interrupted run.

#include <filesystem>
#include <vector>

#include "retmask/base/sample_journal.h"
#include "retmask/niah/sample.h"

namespace retmask::niah {

// {"needle", "length", "depth", "depth_fraction", "span", "tokens"}: identifies the sample, and
// begins its row.
Json to_json(const Sample& sample);

// The journal of these samples. Throws UserError like SampleJournal.
SampleJournal open_journal(const std::filesystem::path& path, const std::vector<Sample>& samples);

}  // namespace retmask::niah
