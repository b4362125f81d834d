#pragma once
// What suite helmet writes beside results.json.

#include <filesystem>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/eval/helmet_files.h"

namespace retmask::cli {

// The tables of results.json: the categories on stdout, all as .txt, .csv, .md and .tex,
// helmet_lengths.svg if there are several lengths, and in the folder "helmet" the rows in HELMET's
// own layout.
void write_helmet_output(const std::filesystem::path& out,
                         const std::vector<Json>& rows,
                         const Json& results,
                         const eval::HelmetFileOptions& files);

}  // namespace retmask::cli
