#pragma once
// What the untrained weights make of the answers: computed once, kept on disk, so that no second
// model is needed.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retmask/train/answer_logprobs.h"

namespace retmask::train {

// `model` still has its untrained weights. The sums go to `cache` (.jsonl) pass by pass under
// `key`, which stands for weights, data and dtype: a run that was stopped goes on behind its last
// pass, a file with another key is replaced. `before_pass` is called before each pass and may throw
// to stop. Returns [rows] float32 on the model's device.
PairLogprobs reference_logprobs(
    const CausalLm& model,
    const std::vector<TrainingExample>& examples,
    int64_t micro_batch_tokens,
    const std::filesystem::path& cache,
    const std::string& key,
    const std::function<void()>& before_pass = [] {});

}  // namespace retmask::train
