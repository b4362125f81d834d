#include "truncation.h"

#include <algorithm>

namespace retmask::train {
namespace {

void keep_last(TokenIds& ids, int64_t count) {
  const auto excess = std::max<int64_t>(static_cast<int64_t>(ids.size()) - count, 0);
  ids.erase(ids.begin(), ids.begin() + excess);
}

// Tokens cut from the start of the prompt so that prompt + `answer` fit into `max_length`.
int64_t prompt_tokens_to_skip(const TrainingExample& example,
                              const TokenIds& answer,
                              int64_t max_length) {
  const auto prompt = static_cast<int64_t>(example.prompt.size());
  const int64_t excess = prompt + static_cast<int64_t>(answer.size()) - max_length;
  return std::clamp<int64_t>(excess, 0, prompt);
}

}  // namespace

bool truncate_as_reference(TrainingExample& example, const ReferenceTruncation& limits) {
  const int64_t before = example.num_tokens();
  keep_last(example.prompt, limits.max_prompt);
  keep_last(example.chosen, limits.max_length);
  keep_last(example.rejected, limits.max_length);
  example.chosen_skips = prompt_tokens_to_skip(example, example.chosen, limits.max_length);
  example.rejected_skips = prompt_tokens_to_skip(example, example.rejected, limits.max_length);
  return example.num_tokens() < before;
}

}  // namespace retmask::train
