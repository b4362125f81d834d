#include "answer_logprobs.h"

#include "retmask/engine/generator.h"

namespace retmask::train {

PairLogprobs answer_logprobs(const CausalLm& model,
                             const std::vector<TrainingExample>& examples,
                             const RowIndices& rows) {
  std::vector<std::vector<int64_t>> sequences;
  std::vector<int64_t> answer_starts;
  for (const int64_t row : rows) {
    const TrainingExample& example = examples[static_cast<size_t>(row)];
    sequences.push_back(example.chosen_sequence());
    answer_starts.push_back(example.chosen_start());
    if (example.rejected.empty()) continue;
    sequences.push_back(example.rejected_sequence());
    answer_starts.push_back(example.rejected_start());
  }
  const std::vector<torch::Tensor> logprobs = token_logprobs(model, sequences, answer_starts);

  std::vector<torch::Tensor> chosen;
  std::vector<torch::Tensor> rejected;
  size_t next = 0;
  for (const int64_t row : rows) {
    const TrainingExample& example = examples[static_cast<size_t>(row)];
    chosen.push_back(logprobs[next++].sum());
    if (!example.rejected.empty()) rejected.push_back(logprobs[next++].sum());
  }
  return {torch::stack(chosen), rejected.empty() ? torch::Tensor() : torch::stack(rejected)};
}

PairLogprobs select(const PairLogprobs& all, const RowIndices& rows) {
  const torch::Tensor index = torch::tensor(rows, torch::kInt64).to(all.chosen.device());
  return {all.chosen.index_select(0, index), all.rejected.index_select(0, index)};
}

}  // namespace retmask::train
