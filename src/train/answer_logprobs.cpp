#include "retmask/train/answer_logprobs.h"

#include "retmask/engine/generator.h"

namespace retmask::train {
namespace {

// logprobs [length - 1] start at the second token, so the answer's begin one before its first
// token.
torch::Tensor sum_of_answer(const torch::Tensor& logprobs, size_t prompt_length) {
  return logprobs.slice(/*dim=*/0, static_cast<int64_t>(prompt_length) - 1).sum();
}

}  // namespace

PairLogprobs answer_logprobs(const CausalLm& model,
                             const std::vector<TrainingExample>& examples,
                             const RowIndices& rows) {
  std::vector<std::vector<int64_t>> sequences;
  for (const int64_t row : rows) {
    const TrainingExample& example = examples[static_cast<size_t>(row)];
    sequences.push_back(example.chosen_sequence());
    if (!example.rejected.empty()) sequences.push_back(example.rejected_sequence());
  }
  const std::vector<torch::Tensor> logprobs = token_logprobs(model, sequences);

  std::vector<torch::Tensor> chosen;
  std::vector<torch::Tensor> rejected;
  size_t next = 0;
  for (const int64_t row : rows) {
    const TrainingExample& example = examples[static_cast<size_t>(row)];
    chosen.push_back(sum_of_answer(logprobs[next++], example.prompt.size()));
    if (!example.rejected.empty()) {
      rejected.push_back(sum_of_answer(logprobs[next++], example.prompt.size()));
    }
  }
  return {torch::stack(chosen), rejected.empty() ? torch::Tensor() : torch::stack(rejected)};
}

PairLogprobs select(const PairLogprobs& all, const RowIndices& rows) {
  const torch::Tensor index = torch::tensor(rows, torch::kInt64).to(all.chosen.device());
  return {all.chosen.index_select(0, index), all.rejected.index_select(0, index)};
}

}  // namespace retmask::train
