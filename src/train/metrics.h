#pragma once
// Metrics of a batch, and metrics.jsonl with one row per step.

#include <cstdint>
#include <filesystem>
#include <memory>

#include "objective.h"
#include "retmask/base/journal.h"
#include "retmask/distributed/process_group.h"

namespace retmask::train {

// Metrics over the rows of a batch or over all held-out rows.
struct PairMetrics {
  int64_t rows = 0;
  double loss = 0;  // mean over pairs; for sft over answer tokens
  RewardSums rewards;
  bool has_rewards = false;

  // Sums the losses and rewards of the ranks' shares.
  void sum_over(distributed::ProcessGroup& group);
  // {"loss", "rewards_chosen", "rewards_rejected", "accuracy", "margin"}; all but the first are
  // means over the pairs, null without rewards.
  Json to_json() const;
};

struct StepMetrics {
  int64_t step = 0;      // counted from 1
  PairMetrics pairs;     // of the batch
  double grad_norm = 0;  // before clipping
  double learning_rate = 0;
  int64_t tokens = 0;  // processed: prompts and answers
  double seconds = 0;
  double utilization = 0;    // operations per second over the measured peak: utilization.h
  int64_t memory_bytes = 0;  // peak so far: peak_memory

  // {"step", those of `pairs`, "grad_norm", "lr", "tokens", "tokens_per_second",
  // "model_flops_utilization", "memory_bytes"}.
  Json to_json() const;
};

// Opens metrics.jsonl with the rows of the first `steps_done` steps; later rows, written by a run
// that was stopped after its last checkpoint, are dropped. Throws UserError if a row is missing.
std::unique_ptr<Journal> open_metrics(const std::filesystem::path& path, int64_t steps_done);

}  // namespace retmask::train
