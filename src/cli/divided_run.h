#pragma once
// A run whose samples several processes may answer. The same code of the command runs in each of
// them, and this class says what is different:
//   the whole run      answers all samples
//   a part             (--shard, a task of SLURM, a local worker) answers its samples, keeps their
//                      rows in OUT/shard-i-of-n and writes no results
//   --merge            takes all rows from the parts and writes the results of the whole
//   --workers N        starts N parts on this machine, waits for them and goes on as --merge
// The results are therefore written by the code of the whole run, from the same rows.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "part_records.h"
#include "retmask/base/output_lock.h"
#include "worker_flags.h"

namespace retmask::cli {

struct DividedRunOptions {
  WorkerFlags flags;
  std::string journal;                             // file of the samples' rows: "samples.jsonl"
  RunRules rules;                                  // of the whole run
  std::vector<std::filesystem::path> models = {};  // as in Invocation::claim_out
  bool uses_devices = true;                        // for the number of workers
  // Why the samples cannot be divided ("--until-stable answers ..."); empty: they can.
  std::string indivisible = {};
};

// Runs a command: `run` with this invocation or, for --merge, what `setup` makes of it with the
// flags of the parts. `rules` as in DividedRunOptions.
void run_divided(SetupCommand setup,
                 const WorkerFlags& flags,
                 const RunRules& rules,
                 const Invocation& invocation,
                 const std::function<void()>& run);

class DividedRun {
 public:
  // Claims --out and starts the record of this process. Throws UserError.
  DividedRun(DividedRunOptions options, const Invocation& invocation);

  RunRecord& record() { return *record_; }
  // `out` is the folder of this process's part.
  const CommonOptions& common() const { return invocation_.common; }

  // Call it after all inputs are recorded. The samples that this process answers. Afterwards those
  // of a part have rows if an earlier start of it answered them; with --merge and --workers all
  // samples have rows in the journal, unless it throws.
  template <typename Sample, typename Tokens>
  std::vector<Sample> own(std::vector<Sample> samples, const Tokens& prompt_of) {
    std::vector<std::span<const int64_t>> prompts;
    for (const Sample& sample : samples) prompts.emplace_back(std::invoke(prompt_of, sample));
    std::vector<Sample> own;
    for (const size_t i : own_indices(prompts)) own.push_back(std::move(samples[i]));
    return own;
  }

  // Whether this process leaves the results to --merge. It calls finish_part() instead.
  bool is_part() const { return !part_.is_whole(); }
  void finish_part(size_t samples);

 private:
  using Prompts = std::vector<std::span<const int64_t>>;
  void check_divisible() const;
  std::vector<size_t> own_indices(const Prompts& prompts);
  // Writes the rows of all parts into the journal. Throws UserError if some are missing.
  void gather(const Prompts& prompts);
  void check_inputs(const PartRecords& parts) const;

  DividedRunOptions options_;
  Invocation invocation_;
  bool is_local_worker_ = false;
  int64_t workers_ = 1;  // to be started here
  Part part_;
  std::optional<OutputLock> lock_;       // of --out; none in a local worker, whose parent holds it
  std::optional<OutputLock> part_lock_;  // of the part's folder
  std::unique_ptr<RunRecord> record_;
};

}  // namespace retmask::cli
