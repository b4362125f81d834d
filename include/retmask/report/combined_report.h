#pragma once
// One page out of the folders of several runs: heads, masks, pairs, training and evaluation side by
// side.

#include <filesystem>
#include <vector>

namespace retmask {

// Reads only files that the commands promise to write, and names each run after its folder; the
// order of `runs` is kept within a section. Throws UserError for a folder without run.json, a run
// of another kind, and a file that a run should have written but did not.
std::filesystem::path write_combined_report(const std::vector<std::filesystem::path>& runs,
                                            const std::filesystem::path& out);

}  // namespace retmask
