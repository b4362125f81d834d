#pragma once
// One page for several runs: heads, masks, pairs, training and evaluation side by side.

#include <filesystem>
#include <vector>

namespace retmask {

// Reads only files that the commands are documented to write, and names each run after its folder;
// the order of `runs` is kept within a section. `tables`: JSONL files of rows with the same keys,
// shown after the sections under their names. Throws UserError for a folder without run.json, an
// unsupported kind of run, a missing result file, and a table without rows.
std::filesystem::path write_combined_report(const std::vector<std::filesystem::path>& runs,
                                            const std::filesystem::path& out,
                                            const std::vector<std::filesystem::path>& tables = {});

}  // namespace retmask
