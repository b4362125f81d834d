#pragma once
// What suite helmet writes beside results.json.

#include <filesystem>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/eval/helmet_files.h"
#include "retmask/report/helmet_tables.h"

namespace retmask::cli {

// The tables of runs: the categories on stdout, all as .txt, .csv, .md and .tex. `suffix`: of the
// files' names.
void write_helmet_tables(const std::filesystem::path& out,
                         const std::vector<HelmetRun>& runs,
                         const std::string& suffix = {});

// The tables of results.json, and in the folder "helmet" the rows in HELMET's own layout.
void write_helmet_output(const std::filesystem::path& out,
                         const std::vector<Json>& rows,
                         const Json& results,
                         const eval::HelmetFileOptions& files);

}  // namespace retmask::cli
