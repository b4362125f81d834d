#pragma once
// Log-probabilities of the answers under the untrained weights: computed once and kept on disk, so
// that no second model is needed.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "answer_logprobs.h"
#include "retmask/distributed/process_group.h"

namespace retmask::train {

struct ReferenceJob {
  const CausalLm& model;  // with its untrained weights
  const std::vector<TrainingExample>& examples;
  int64_t micro_batch_tokens;
  std::filesystem::path cache;  // a .jsonl file
  std::string key;              // identifies weights, data and dtype
  distributed::ProcessGroup& group;
  bool
      in_step;  // ZeRO stage 3 gathers weights: all ranks must run the same number of micro-batches
  std::function<void()> before_pass;  // called before each micro-batch on all ranks; throws to stop
};

// Sums are appended to the cache after each micro-batch, under the key: a stopped run resumes after
// its last micro-batch, and a file with another key is replaced. Ranks share the micro-batches;
// each writes its own file next to the cache until all are done. A micro-batch gives the same sums
// on any rank. Returns [rows] float32 on the model's device, on every rank.
PairLogprobs reference_logprobs(const ReferenceJob& job);

}  // namespace retmask::train
