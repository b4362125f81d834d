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

// `model` still has its untrained weights. The sums go to `cache` (.jsonl) pass by pass under
// `key`, which stands for weights, data and dtype: a run that was stopped goes on behind its last
// pass, a file with another key is replaced. Ranks share the passes, each writing a file of its own
// beside `cache` until all are done; a pass gives the same sums on any of them. With `in_step` all
// make the same number of passes, which weights that are gathered need. `before_pass` is called by
// all ranks before each of them and may throw to stop. Returns [rows] float32 on the model's
// device, on every rank.
PairLogprobs reference_logprobs(
    const CausalLm& model,
    const std::vector<TrainingExample>& examples,
    int64_t micro_batch_tokens,
    const std::filesystem::path& cache,
    const std::string& key,
    distributed::ProcessGroup& group,
    bool in_step,
    const std::function<void()>& before_pass = [] {});

}  // namespace retmask::train
