#include <optional>

#include "retmask/base/error.h"
#include "retmask/engine/generator.h"

namespace retmask {

std::vector<torch::Tensor> token_logprobs(const LanguageModel& model,
                                          const std::vector<std::vector<int64_t>>& sequences,
                                          const std::vector<int64_t>& first,
                                          const HeadMask& masked_heads) {
  std::vector<int64_t> tokens;
  std::vector<int64_t> predictor_rows;  // row i - 1 of a sequence predicts its token i
  std::vector<int64_t> targets;
  std::vector<int64_t> counts;
  PackedBatch batch;
  for (size_t s = 0; s < sequences.size(); ++s) {
    const auto& sequence = sequences[s];
    const auto length = static_cast<int64_t>(sequence.size());
    const int64_t begin = first.empty() ? 1 : first[s];
    RETMASK_CHECK(1 <= begin && begin <= length, begin, " of ", length, " tokens");
    for (int64_t i = begin; i < length; ++i) {
      predictor_rows.push_back(static_cast<int64_t>(tokens.size()) + i - 1);
      targets.push_back(sequence[static_cast<size_t>(i)]);
    }
    tokens.insert(tokens.end(), sequence.begin(), sequence.end());
    batch.lengths.push_back(length);
    counts.push_back(length - begin);
  }
  const auto to_device = [&](const std::vector<int64_t>& ids) {
    return torch::tensor(ids, torch::kInt64).to(model.device());
  };
  batch.token_ids = to_device(tokens);
  std::optional<HeadGate> gate;
  if (!masked_heads.empty()) {
    // A backward pass that recomputes the layers would need the gate after this function returns.
    RETMASK_CHECK(!torch::GradMode::is_enabled());
    gate.emplace(model.config(),
                 std::vector<HeadMask>(sequences.size(), masked_heads),
                 torch::TensorOptions(model.dtype()).device(model.device()));
    batch.gate = &*gate;
  }
  const torch::Tensor hidden =
      model.forward(batch).index_select(0, to_device(predictor_rows));  // [n, hidden_size]
  const auto split = model.target_logprobs(hidden, to_device(targets)).split_with_sizes(counts);
  return {split.begin(), split.end()};
}

}  // namespace retmask
