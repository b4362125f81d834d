#include "divided_run.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <numeric>

#include "local_workers.h"
#include "retmask/base/error.h"
#include "retmask/base/journal.h"
#include "retmask/engine/generator.h"

namespace fs = std::filesystem;

namespace retmask::cli {
namespace {

constexpr const char* kSamples = "samples";  // what is divided

PartRules rules_of_parts(const RunRules& rules) {
  return {.run = rules,
          .part_flags = {"out",
                         "device",
                         "threads",
                         "quiet",
                         "batch-size",
                         "batch-tokens",
                         "shard",
                         "workers",
                         "merge"},
          .free_flags = rules.ignored};
}

// The samples of each of `count` parts. Prompts that share a beginning, which is computed once,
// stay in one part.
std::vector<std::vector<size_t>> divide_samples(
    const std::vector<std::span<const int64_t>>& prompts, int64_t count) {
  std::vector<size_t> tokens;
  for (const auto& prompt : prompts) tokens.push_back(std::max<size_t>(prompt.size(), 1));
  return cut_into_pieces(prefix_order(prompts), tokens, static_cast<size_t>(count));
}

// The finished rows of a part; empty if it has not begun.
std::vector<Json> rows_of_part(const fs::path& journal) {
  if (!fs::exists(journal)) return {};
  return Journal(journal).rows();
}

}  // namespace

void run_divided(SetupCommand setup,
                 const WorkerFlags& flags,
                 const RunRules& rules,
                 const Invocation& invocation,
                 const std::function<void()>& run) {
  if (flags.merge && !invocation.parts) {
    run_with_flags_of_parts(setup, invocation, rules_of_parts(rules));
  } else if (part_of_local_worker()) {
    run_as_local_worker(run);
  } else {
    run();
  }
}

DividedRun::DividedRun(DividedRunOptions options, const Invocation& invocation)
    : options_(std::move(options)), invocation_(invocation) {
  check_divisible();
  const auto local_part = part_of_local_worker();
  is_local_worker_ = local_part.has_value();
  if (is_local_worker_) {
    part_ = *local_part;
    join_workers(part_, invocation_.common);
  } else if (!invocation_.parts) {
    const bool uses_devices = options_.uses_devices && options_.indivisible.empty();
    workers_ = num_workers(options_.flags, kSamples, invocation_.common.device, uses_devices);
    if (workers_ == 1) part_ = own_part(options_.flags, kSamples);
  }

  const fs::path out = invocation_.common.out;
  if (!is_local_worker_) {
    lock_.emplace(invocation_.claim_out(
        options_.models, is_part() ? OutputLock::Mode::together : OutputLock::Mode::alone));
  }
  if (workers_ > 1) {
    part_dir(out, {.shard = 0, .num_shards = workers_}, options_.journal);
    invocation_.options["merge"] = true;  // as if the parts were merged by hand
  } else if (!invocation_.parts) {
    invocation_.common.out = part_dir(out, part_, options_.journal);
  }
  if (is_part()) {
    part_lock_.emplace(invocation_.common.out);
    invocation_.options["shard"] = part_.name();
  }

  // All parts of a run share one moment, so they look for it one at a time.
  std::optional<OutputLock> turn;
  if (is_part()) turn.emplace(OutputLock::wait_for_turn(out, ".start.lock"));
  std::optional<Moment> moment;
  if (invocation_.parts) moment = invocation_.parts->moment;
  if (is_part() || workers_ > 1) moment = moment_of_parts(out);
  RunRules rules = options_.rules;
  rules.ignored.push_back("workers");
  record_.reset(new RunRecord(invocation_.start_run(std::move(rules), moment)));
}

void DividedRun::check_divisible() const {
  if (options_.indivisible.empty()) return;
  const WorkerFlags& flags = options_.flags;
  if (invocation_.parts || !flags.shard.empty() || flags.workers > 1 || part_of_local_worker() ||
      part_from_slurm(std::getenv)) {
    user_error(options_.indivisible,
               ", so such a run has no parts; omit it, or start a single task without --shard, "
               "--workers and --merge");
  }
}

std::vector<size_t> DividedRun::own_indices(const Prompts& prompts) {
  if (is_part()) {
    return divide_samples(prompts, part_.num_shards).at(static_cast<size_t>(part_.shard));
  }
  if (workers_ > 1) run_local_workers(workers_);
  if (workers_ > 1 || invocation_.parts) gather(prompts);
  std::vector<size_t> all(prompts.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

void DividedRun::gather(const Prompts& prompts) {
  const PartRecords parts = invocation_.parts
                                ? *invocation_.parts
                                : read_part_records(invocation_, rules_of_parts(options_.rules));
  check_inputs(parts);
  const auto count = static_cast<int64_t>(parts.dirs.size());
  const auto expected = divide_samples(prompts, count);
  std::vector<Json> rows;
  for (size_t i = 0; i < parts.dirs.size(); ++i) {
    std::vector<Json> finished = rows_of_part(parts.dirs[i] / options_.journal);
    if (finished.size() != expected[i].size()) {
      const Part part{.shard = static_cast<int64_t>(i), .num_shards = count};
      user_error("--merge: ",
                 parts.dirs[i],
                 " has ",
                 finished.size(),
                 " of its ",
                 expected[i].size(),
                 " samples; run the workers' command with --shard ",
                 part.name(),
                 " to resume it");
    }
    std::ranges::move(finished, std::back_inserter(rows));
  }
  write_json_lines(common().out / options_.journal, rows);
  record_->set_device(parts.device);
  record_->set_compute(parts.compute);
  for (const auto& [name, value] : parts.throughput) record_->set_throughput(name, value);
}

void DividedRun::check_inputs(const PartRecords& parts) const {
  const auto check = [&](const Json& before, const Json& now) {
    for (const auto& [name, hash] : before.items()) {
      if (!now.contains(name) || now[name] == hash) continue;
      user_error("--merge: the input ",
                 name,
                 " has changed since ",
                 parts.dirs.front(),
                 " ran; give the same files, or run the parts again in another --out");
    }
  };
  check(parts.inputs, record_->inputs());
  const Json folders = record_->input_files();
  for (const auto& [folder, files] : parts.input_files.items())
    check(files, folders.value(folder, Json::object()));
}

void DividedRun::finish_part(size_t samples) {
  if (!is_local_worker_) {
    std::cout << "part " << part_.name() << ": " << samples << " samples in "
              << (common().out / options_.journal).string() << "; --merge joins the parts"
              << std::endl;
  }
  record_->finish();
}

}  // namespace retmask::cli
