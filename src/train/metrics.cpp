#include "metrics.h"

#include "retmask/base/error.h"

namespace retmask::train {

void PairMetrics::sum_over(distributed::ProcessGroup& group) {
  const std::vector<double> sums =
      group.sum({loss, rewards.chosen, rewards.rejected, static_cast<double>(rewards.right)});
  loss = sums[0];
  rewards = {.chosen = sums[1], .rejected = sums[2], .right = static_cast<int64_t>(sums[3])};
}

Json PairMetrics::to_json() const {
  const auto mean = [&](double sum) {
    return has_rewards ? Json(sum / static_cast<double>(rows)) : Json();
  };
  return {{"loss", loss},
          {"rewards_chosen", mean(rewards.chosen)},
          {"rewards_rejected", mean(rewards.rejected)},
          {"accuracy", mean(static_cast<double>(rewards.right))},
          {"margin", mean(rewards.chosen - rewards.rejected)}};
}

Json StepMetrics::to_json() const {
  Json row = {{"step", step}};
  row.update(pairs.to_json());
  row.update({{"grad_norm", grad_norm},
              {"lr", learning_rate},
              {"tokens", tokens},
              {"tokens_per_second", static_cast<double>(tokens) / seconds},
              {"model_flops_utilization", utilization},
              {"memory_bytes", memory_bytes}});
  return row;
}

std::unique_ptr<Journal> open_metrics(const std::filesystem::path& path, int64_t steps_done) {
  std::vector<Json> kept = Journal(path).rows();
  if (kept.size() < static_cast<size_t>(steps_done)) {
    user_error(path,
               " holds ",
               kept.size(),
               " rows but the checkpoint is of step ",
               steps_done,
               "; restore the file or give a new --out");
  }
  if (kept.size() > static_cast<size_t>(steps_done)) {
    kept.resize(static_cast<size_t>(steps_done));
    write_json_lines(path, kept);
  }
  return std::make_unique<Journal>(path);
}

}  // namespace retmask::train
