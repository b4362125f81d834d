#include "reference.h"

#include <map>
#include <numeric>

#include "retmask/base/error.h"
#include "retmask/base/journal.h"
#include "retmask/base/progress.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

std::vector<float> to_vector(const torch::Tensor& values) {
  const torch::Tensor on_cpu = values.to(torch::kCPU).contiguous();
  return {on_cpu.const_data_ptr<float>(), on_cpu.const_data_ptr<float>() + on_cpu.numel()};
}

void check_finite(const PairLogprobs& sums,
                  const std::vector<TrainingExample>& examples,
                  const RowIndices& rows) {
  const torch::Tensor finite = torch::isfinite(sums.chosen + sums.rejected).to(torch::kCPU);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (finite[static_cast<int64_t>(i)].item<bool>()) continue;
    user_error(examples[static_cast<size_t>(rows[i])].where,
               ": the untrained model gives an answer a log-probability that is not finite; check "
               "the checkpoint, or "
               "use --dtype float32");
  }
}

// Finished passes by number.
using Passes = std::map<int64_t, Json>;

// The file that a rank of several writes into.
fs::path part_path(const fs::path& cache, int64_t rank) {
  fs::path part = cache;
  return part.replace_extension(".rank-" + std::to_string(rank) + ".jsonl");
}

std::vector<fs::path> parts_beside(const fs::path& cache) {
  const std::string start = cache.stem().string() + ".rank-";
  std::vector<fs::path> parts;
  for (const auto& entry : fs::directory_iterator(cache.parent_path())) {
    const fs::path& path = entry.path();
    if (path.filename().string().starts_with(start) && path.extension() == ".jsonl") {
      parts.push_back(path);
    }
  }
  return parts;
}

void add_rows(Passes& passes, const std::vector<Json>& rows, const std::string& key) {
  if (rows.empty() || rows.front().value("key", "") != key) return;
  for (size_t i = 1; i < rows.size(); ++i) passes[rows[i].at("pass").get<int64_t>()] = rows[i];
}

// Brings what earlier starts and the ranks have written into `cache` alone. Opening a journal cuts
// off what a kill left half written.
void collect(const fs::path& cache, const std::string& key) {
  Passes passes;
  const std::vector<fs::path> parts = parts_beside(cache);
  add_rows(passes, Journal(cache).rows(), key);
  for (const fs::path& part : parts) add_rows(passes, Journal(part).rows(), key);
  std::vector<Json> rows{{{"key", key}}};
  for (const auto& [number, row] : passes) rows.push_back(row);
  write_json_lines(cache, rows);
  for (const fs::path& part : parts) fs::remove(part);
}

Passes read_passes(const fs::path& cache, const std::string& key) {
  Passes passes;
  add_rows(passes, read_json_lines(cache, "reference log-probabilities"), key);
  return passes;
}

void append(std::vector<float>& all, const Json& values) {
  const auto more = values.get<std::vector<float>>();
  all.insert(all.end(), more.begin(), more.end());
}

// What one rank of several computes.
class PassRunner {
 public:
  PassRunner(const ReferenceJob& job, const std::vector<RowIndices>& passes)
      : job_(job), passes_(passes) {}

  Json run(int64_t pass) const {
    const RowIndices& rows = passes_[static_cast<size_t>(pass)];
    const PairLogprobs sums = answer_logprobs(job_.model, job_.examples, rows);
    check_finite(sums, job_.examples, rows);
    return {
        {"pass", pass}, {"chosen", to_vector(sums.chosen)}, {"rejected", to_vector(sums.rejected)}};
  }

  // Of the passes `missing`, those of this rank.
  void run_share(const std::vector<int64_t>& missing, Journal& journal) const {
    const auto size = static_cast<size_t>(job_.group.size());
    const size_t rounds = (missing.size() + size - 1) / size;
    Progress progress("reference", static_cast<int64_t>(rounds), "passes");
    for (size_t round = 0; round < rounds; ++round) {
      job_.before_pass();
      const size_t i = round * size + static_cast<size_t>(job_.group.rank());
      if (i < missing.size()) {
        journal.append(run(missing[i]));
      } else if (job_.in_step) {
        run(missing.front());
      }
      progress.advance();
    }
    progress.finish();
  }

 private:
  const ReferenceJob& job_;
  const std::vector<RowIndices>& passes_;
};

}  // namespace

PairLogprobs reference_logprobs(const ReferenceJob& job) {
  const fs::path& cache = job.cache;
  distributed::ProcessGroup& group = job.group;
  RowIndices rows(job.examples.size());
  std::iota(rows.begin(), rows.end(), 0);
  // Cut once from the start: after a stop the passes are the same, and so is every bit of their
  // sums.
  const std::vector<RowIndices> passes =
      split_by_tokens(rows, job.examples, job.micro_batch_tokens);

  if (group.is_first()) collect(cache, job.key);
  group.barrier();
  Passes finished = read_passes(cache, job.key);
  std::vector<int64_t> missing;
  for (int64_t pass = 0; pass < static_cast<int64_t>(passes.size()); ++pass) {
    if (!finished.contains(pass)) missing.push_back(pass);
  }
  group.barrier();  // all have read it before one writes
  if (!missing.empty()) {
    const torch::NoGradGuard no_grad;
    {
      Journal journal(group.size() == 1 ? cache : part_path(cache, group.rank()));
      if (journal.empty()) journal.append({{"key", job.key}});
      PassRunner(job, passes).run_share(missing, journal);
    }
    group.barrier();
    if (group.is_first() && group.size() > 1) collect(cache, job.key);
    group.barrier();
    finished = read_passes(cache, job.key);
  }

  std::vector<float> chosen;
  std::vector<float> rejected;
  for (const auto& [number, row] : finished) {
    append(chosen, row.at("chosen"));
    append(rejected, row.at("rejected"));
  }
  RETMASK_CHECK(chosen.size() == job.examples.size() && rejected.size() == job.examples.size(),
                cache,
                " holds ",
                chosen.size(),
                " of ",
                job.examples.size(),
                " rows");
  return {torch::tensor(chosen).to(job.model.device()),
          torch::tensor(rejected).to(job.model.device())};
}

}  // namespace retmask::train
