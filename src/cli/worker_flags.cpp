#include "worker_flags.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>

#include "local_workers.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"

namespace retmask::cli {

void add_worker_flags(Command& command, WorkerFlags& flags, const std::string& what) {
  CLI::App& app = *command.app;
  const char* group = "Workers";
  app.add_option("--shard",
                 flags.shard,
                 "Process part i/n of the " + what +
                     " (0/4 to 3/4) and write it to OUT/shard-i-of-n; defaults to the task number "
                     "in a SLURM array or step")
      ->group(group);
  app.add_option("--workers",
                 flags.workers,
                 "Processes on this machine that share the " + what +
                     " and --threads (0: one per CUDA device, 1 on the CPU)")
      ->group(group);
  app.add_flag("--merge",
               flags.merge,
               "Join the parts in --out into the final files, with the parts' flags")
      ->group(group);
  command.alternatives.push_back({.sets = {{"shard"}, {"workers!=0"}}});
  command.alternatives.push_back({.sets = {{"shard"}, {"merge=true"}}});
}

int64_t num_workers(const WorkerFlags& flags,
                    const std::string& what,
                    const std::string& device,
                    bool uses_devices) {
  if (flags.workers < 0) {
    user_error("--workers is ", flags.workers, ", expected at least 1, or 0 for one per GPU");
  }
  const bool is_part = !flags.shard.empty() || part_from_slurm(std::getenv).has_value();
  if (is_part && flags.workers > 1) {
    user_error("--workers ",
               flags.workers,
               " does not apply to a part of the ",
               what,
               " (--shard, or SLURM's tasks); omit it, or start a single task without --shard");
  }
  if (flags.workers > 0 || is_part) return std::max<int64_t>(1, flags.workers);
  return uses_devices ? automatic_workers(device) : 1;
}

Part own_part(const WorkerFlags& flags, const std::string& what) {
  if (!flags.shard.empty()) return parse_part(flags.shard);
  const auto part = part_from_slurm(std::getenv);
  if (!part) return {};
  log::info("part " + part->name() + " of the " + what + ", from SLURM's task number");
  return *part;
}

void join_workers(const Part& part, CommonOptions& common) {
  common.threads = std::max<int64_t>(1, common.threads / part.num_shards);
  at::set_num_threads(static_cast<int>(common.threads));
  if (part.shard > 0) log::set_quiet(true);
}

}  // namespace retmask::cli
