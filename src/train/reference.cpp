#include "reference.h"

#include <map>
#include <numeric>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/journal.h"
#include "retmask/base/progress.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

constexpr const char* kReferenceFile = "reference_logprobs.jsonl";
constexpr const char* kHeldOutReferenceFile = "eval_reference_logprobs.jsonl";

// The reference of the training rows or of the held-out rows.
struct ReferenceWork {
  const Job& job;
  const Options& options;
  const std::vector<TrainingExample>& examples;
  fs::path cache;   // a .jsonl file
  std::string key;  // identifies weights, data and dtype
  const std::function<void()>& before_pass;
};

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
               "the checkpoint or use --dtype float32");
  }
}

// Rows of finished micro-batches by number. The files call a micro-batch a "pass".
using Finished = std::map<int64_t, Json>;

// The file that one of several ranks writes.
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

void add_rows(Finished& finished, const std::vector<Json>& rows, const std::string& key) {
  if (rows.empty() || rows.front().value("key", "") != key) return;
  for (size_t i = 1; i < rows.size(); ++i) finished[rows[i].at("pass").get<int64_t>()] = rows[i];
}

// Merges what earlier starts and the ranks have written into `cache`. Opening a journal drops a
// half-written last row.
void collect(const fs::path& cache, const std::string& key) {
  Finished finished;
  const std::vector<fs::path> parts = parts_beside(cache);
  add_rows(finished, Journal(cache).rows(), key);
  for (const fs::path& part : parts) add_rows(finished, Journal(part).rows(), key);
  std::vector<Json> rows{{{"key", key}}};
  for (const auto& [number, row] : finished) rows.push_back(row);
  write_json_lines(cache, rows);
  for (const fs::path& part : parts) fs::remove(part);
}

Finished read_finished(const fs::path& cache, const std::string& key) {
  Finished finished;
  add_rows(finished, read_json_lines(cache, "reference log-probabilities"), key);
  return finished;
}

void append(std::vector<float>& all, const Json& values) {
  const auto more = values.get<std::vector<float>>();
  all.insert(all.end(), more.begin(), more.end());
}

// One rank's share of the micro-batches.
class MicroBatchRunner {
 public:
  MicroBatchRunner(const ReferenceWork& work, const std::vector<RowIndices>& micro_batches)
      : work_(work), micro_batches_(micro_batches) {}

  Json run(int64_t number) const {
    const RowIndices& rows = micro_batches_[static_cast<size_t>(number)];
    const PairLogprobs sums = answer_logprobs(work_.job.model, work_.examples, rows);
    check_finite(sums, work_.examples, rows);
    return {{"pass", number},
            {"chosen", to_vector(sums.chosen)},
            {"rejected", to_vector(sums.rejected)}};
  }

  // Runs this rank's share of the `missing` micro-batches.
  void run_share(const std::vector<int64_t>& missing, Journal& journal) const {
    const distributed::ProcessGroup& group = *work_.job.group;
    const auto size = static_cast<size_t>(group.size());
    const size_t rounds = (missing.size() + size - 1) / size;
    Progress progress("reference", static_cast<int64_t>(rounds), "micro-batches");
    for (size_t round = 0; round < rounds; ++round) {
      work_.before_pass();
      const size_t i = round * size + static_cast<size_t>(group.rank());
      if (i < missing.size()) {
        journal.append(run(missing[i]));
      } else if (work_.options.zero_stage == 3) {
        run(missing.front());  // every micro-batch gathers weights, so all ranks run as many
      }
      progress.advance();
    }
    progress.finish();
  }

 private:
  const ReferenceWork& work_;
  const std::vector<RowIndices>& micro_batches_;
};

PairLogprobs reference_logprobs(const ReferenceWork& work) {
  const fs::path& cache = work.cache;
  distributed::ProcessGroup& group = *work.job.group;
  RowIndices rows(work.examples.size());
  std::iota(rows.begin(), rows.end(), 0);
  // Always split all rows, finished or not: a resumed run has the same micro-batches and therefore
  // bit-identical sums.
  const std::vector<RowIndices> micro_batches =
      split_by_tokens(rows, work.examples, work.options.micro_batch_tokens);

  if (group.is_first()) collect(cache, work.key);
  group.barrier();
  Finished finished = read_finished(cache, work.key);
  std::vector<int64_t> missing;
  for (int64_t number = 0; number < static_cast<int64_t>(micro_batches.size()); ++number) {
    if (!finished.contains(number)) missing.push_back(number);
  }
  group.barrier();  // all ranks have read the file before one writes
  if (!missing.empty()) {
    const torch::NoGradGuard no_grad;
    {
      Journal journal(group.size() == 1 ? cache : part_path(cache, group.rank()));
      if (journal.empty()) journal.append({{"key", work.key}});
      MicroBatchRunner(work, micro_batches).run_share(missing, journal);
    }
    group.barrier();
    if (group.is_first() && group.size() > 1) collect(cache, work.key);
    group.barrier();
    finished = read_finished(cache, work.key);
  }

  std::vector<float> chosen;
  std::vector<float> rejected;
  for (const auto& [number, row] : finished) {
    append(chosen, row.at("chosen"));
    append(rejected, row.at("rejected"));
  }
  RETMASK_CHECK(chosen.size() == work.examples.size() && rejected.size() == work.examples.size(),
                cache,
                " holds ",
                chosen.size(),
                " of ",
                work.examples.size(),
                " rows");
  return {torch::tensor(chosen).to(work.job.model.device()),
          torch::tensor(rejected).to(work.job.model.device())};
}

}  // namespace

References compute_references(const Job& job,
                              const Options& options,
                              const Json& identity,
                              const std::function<void()>& before_pass) {
  References references;
  if (options.loss == LossKind::sft) return references;
  Json key = {{"model", identity["model"]},
              {"data", identity["data"]},
              {"dtype", identity["dtype"]},
              {"micro-batch-tokens", options.micro_batch_tokens}};
  const auto compute = [&](const std::vector<TrainingExample>& examples, const char* file) {
    return reference_logprobs({.job = job,
                               .options = options,
                               .examples = examples,
                               .cache = job.out / file,
                               .key = sha256(key.dump()),
                               .before_pass = before_pass});
  };
  references.training = compute(job.examples, kReferenceFile);
  if (!job.held_out.empty()) {
    key["data"] = hash_examples(job.held_out);
    references.held_out = compute(job.held_out, kHeldOutReferenceFile);
  }
  return references;
}

}  // namespace retmask::train
