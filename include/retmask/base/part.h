#pragma once
// Multiple workers on one run: each does one part of it in OUT/shard-i-of-n, and --merge joins
// them.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace retmask {

// Part `shard` of `num_shards`.
struct Part {
  int64_t shard = 0;
  int64_t num_shards = 1;

  bool is_whole() const { return num_shards == 1; }
  std::string name() const;      // "0/4", the form of --shard
  std::string dir_name() const;  // "shard-0-of-4"
  // Throws UserError.
  void validate() const;
};

// Parses "0/4". Throws UserError.
Part parse_part(const std::string& text);

// Cuts the items of `order`, which have these weights (by item, at least 1 each), into `count`
// pieces of about equal weight. Neighbours stay together, but for those at a cut; the items of a
// piece ascend. A piece may be empty.
std::vector<std::vector<size_t>> cut_into_pieces(const std::vector<size_t>& order,
                                                 const std::vector<size_t>& weights,
                                                 size_t count);

// Returns null for an unset variable, like std::getenv.
using Environment = std::function<const char*(const char* name)>;

// This process's part under SLURM, derived from the tasks of a job array (SLURM_ARRAY_TASK_ID,
// _MIN, _MAX, _STEP, _COUNT), the tasks of a job step (SLURM_STEP_ID, SLURM_PROCID, SLURM_NTASKS),
// or both if each array task runs a step with several tasks. Empty outside SLURM or if there is
// only one task. Throws UserError for an array with gaps, whose parts cannot be numbered.
std::optional<Part> part_from_slurm(const Environment& environment);

// Output folder of a part: OUT/shard-i-of-n, or OUT itself if there is only one part. Throws
// UserError if OUT contains parts of a different number of workers, or a single-worker run, which
// is known by its `journal` ("answers.jsonl") and has no parts.
std::filesystem::path part_dir(const std::filesystem::path& out,
                               const Part& part,
                               const std::string& journal);

// All part folders of OUT, in order. Throws UserError if there are none, if they belong to
// different numbers of workers, or if one is missing; the message says how to create it.
std::vector<std::filesystem::path> find_parts(const std::filesystem::path& out);

}  // namespace retmask
