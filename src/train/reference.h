#pragma once
// What the untrained weights make of the answers: computed once, kept on disk, so that no second
// model is needed.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retmask/distributed/process_group.h"
#include "retmask/train/answer_logprobs.h"

namespace retmask::train {

struct ReferenceJob {
  const CausalLm& model;  // with its untrained weights
  const std::vector<TrainingExample>& examples;
  int64_t micro_batch_tokens;
  std::filesystem::path cache;  // a .jsonl file
  std::string key;              // stands for weights, data and dtype
  distributed::ProcessGroup& group;
  bool in_step;  // all ranks make the same number of passes, as weights that are gathered need it
  std::function<void()> before_pass;  // all ranks call it; it may throw to stop
};

// The sums go to the cache pass by pass under the key: a run that was stopped goes on behind its
// last pass, a file with another key is replaced. Ranks share the passes, each writing a file of
// its own beside the cache until all are done; a pass gives the same sums on any of them. Returns
// [rows] float32 on the model's device, on every rank.
PairLogprobs reference_logprobs(const ReferenceJob& job);

}  // namespace retmask::train
