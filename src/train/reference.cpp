#include "retmask/train/reference.h"

#include <numeric>

#include "retmask/base/error.h"
#include "retmask/base/journal.h"
#include "retmask/base/progress.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

void remove_if_other_key(const fs::path& cache, const std::string& key) {
  if (!fs::exists(cache)) return;
  const Journal journal(cache);
  const bool same = !journal.empty() && journal.read(0).value("key", "") == key;
  if (!same) fs::remove(cache);
}

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

void append(std::vector<float>& all, const Json& values) {
  const auto more = values.get<std::vector<float>>();
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

PairLogprobs reference_logprobs(const CausalLm& model,
                                const std::vector<TrainingExample>& examples,
                                int64_t micro_batch_tokens,
                                const fs::path& cache,
                                const std::string& key,
                                const std::function<void()>& before_pass) {
  RowIndices rows(examples.size());
  std::iota(rows.begin(), rows.end(), 0);
  // Cut once from the start: after a stop the passes are the same, and so is every bit of their
  // sums.
  const std::vector<RowIndices> passes = split_by_tokens(rows, examples, micro_batch_tokens);

  remove_if_other_key(cache, key);
  Journal journal(cache);
  if (journal.empty()) journal.append({{"key", key}, {"passes", passes.size()}});
  std::vector<float> chosen;
  std::vector<float> rejected;
  const std::vector<Json> finished = journal.rows();
  size_t next = 0;
  for (; next + 1 < finished.size(); ++next) {
    append(chosen, finished[next + 1].at("chosen"));
    append(rejected, finished[next + 1].at("rejected"));
  }

  const torch::NoGradGuard no_grad;
  const auto total = static_cast<int64_t>(examples.size());
  Progress progress("reference", total, "pairs", static_cast<int64_t>(chosen.size()));
  for (; next < passes.size(); ++next) {
    before_pass();
    const PairLogprobs sums = answer_logprobs(model, examples, passes[next]);
    check_finite(sums, examples, passes[next]);
    const Json row = {{"chosen", to_vector(sums.chosen)}, {"rejected", to_vector(sums.rejected)}};
    journal.append(row);
    append(chosen, row.at("chosen"));
    append(rejected, row.at("rejected"));
    progress.advance(static_cast<int64_t>(passes[next].size()));
  }
  progress.finish();
  RETMASK_CHECK(chosen.size() == examples.size() && rejected.size() == examples.size(),
                cache,
                " holds ",
                chosen.size(),
                " of ",
                examples.size(),
                " rows");
  return {torch::tensor(chosen).to(model.device()), torch::tensor(rejected).to(model.device())};
}

}  // namespace retmask::train
