#pragma once
// Result files in HELMET's own layout (eval.py and eval_alce.py there), in both directions.

#include <filesystem>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::eval {

struct HelmetFileOptions {
  std::string tag = "v1";    // part of the names, as scripts/collect_results.py expects it
  int64_t max_samples = -1;  // of the names; -1: HELMET's for each data set
  int64_t shots = -1;
  uint64_t seed = 42;
};

// The name of the file of a data set at a length: "kilt_nq_v1_nq-dev-..._in8192_size100_shots2_
// sampFalsemax20min0t0.0p1.0_chatFalse_42.json".
std::string helmet_file_name(const Json& row, const HelmetFileOptions& options);

// Writes a file for each data set and length of `rows`, {"args", "data": one object per row with
// "output" and "metrics", "metrics", "averaged_metrics"}, and beside it the averages as "….score"
// or, with a judge's metrics, "…-gpt4eval_o.json", where HELMET's collecting script looks.
void write_helmet_files(const std::filesystem::path& folder,
                        const std::vector<Json>& rows,
                        const HelmetFileOptions& options);

// The rows of such a file, or of all in a folder (the .json files that HELMET's eval.py wrote), in
// the form of predictions.jsonl and scored. Throws UserError for a file of another form.
std::vector<Json> read_helmet_files(const std::filesystem::path& path);
// Those files, in order of their names.
std::vector<std::filesystem::path> find_helmet_files(const std::filesystem::path& path);

}  // namespace retmask::eval
