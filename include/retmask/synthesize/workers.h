#pragma once
// Many workers on one set of prompts: each answers its part and writes into OUT/shard-i-of-n; merge
// joins the parts.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// Part `shard` of `num_shards`, as in Selection.
struct Part {
  int64_t shard = 0;
  int64_t num_shards = 1;

  std::string name() const;  // "0/4", as --shard takes it
};

// Null for a variable that is not set, as std::getenv.
using Environment = std::function<const char*(const char* name)>;

// This process' part under SLURM: of the tasks of a job array (SLURM_ARRAY_TASK_ID, _MIN, _MAX,
// _STEP, _COUNT), of the tasks of a job step (SLURM_STEP_ID, SLURM_PROCID, SLURM_NTASKS), or of
// both where every task of an array starts a step of several. Nothing elsewhere, and where there is
// one task only. Throws UserError for an array with gaps, whose parts cannot be numbered.
std::optional<Part> part_from_slurm(const Environment& environment);

// Where the part is written: OUT/shard-i-of-n, or OUT itself when it is the whole. Throws UserError
// when OUT holds parts of another number, or a whole run.
std::filesystem::path part_dir(const std::filesystem::path& out, const Part& part);

// All parts of OUT, by number. Throws UserError when there are none or of several numbers, and when
// one is missing; it says how to make it.
std::vector<std::filesystem::path> find_parts(const std::filesystem::path& out);

// Writes the final files into OUT out of its parts; `options` are theirs with the whole as
// selection. The files are those of a run without parts. Throws UserError when an answer is missing
// in all parts or is in two of them.
Result merge(const Options& options, const std::filesystem::path& out);

}  // namespace retmask::synthesize
