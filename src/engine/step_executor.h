#pragma once
// From the sequences of a run to their next tokens: the model's step and the draw. Two ways, chosen
// when a run begins: one that works on any device and draws on the host, and one that stays on the
// GPU.

#include <torch/torch.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "block_pool.h"
#include "retmask/model/model.h"
#include "running.h"

namespace retmask {

struct DrawnToken {
  uint64_t sequence = 0;  // Sequence::number
  SampledToken token = {};
  torch::Tensor largest_keys = {};  // [L, H] int64 on the CPU, of the query that chose it; only
                                    // with a probe
};

class StepExecutor {
 public:
  virtual ~StepExecutor() = default;

  // One step of the model over the sequences that want a token, and over chunks of prompts; stores
  // the new keys and values.
  virtual void forward(std::deque<Sequence>& sequences,
                       const std::vector<PrefillChunk>& chunks) = 0;

  // Draws a token for each of these sequences: those of forward(), and behind them the ones that
  // have begun since. logits_row[i] is the place of the i-th one's logits: the sequences of
  // forward() come first, then each policy of each last chunk. Returns the tokens that are known by
  // now; those of other sequences are pending (Sequence::pending) and come with a later call, in
  // order for each sequence.
  virtual std::vector<DrawnToken> draw(std::deque<Sequence>& sequences,
                                       const std::vector<int64_t>& logits_row) = 0;
};

struct StepExecutorOptions {
  int64_t max_rows = 0;
  bool probe = false;                // the largest keys are wanted
  bool cuda_graphs = true;           // as in GeneratorOptions
  GenerationTimes* times = nullptr;  // or null
};

// The GPU's own way where the model has it (CausalLm::has_decode), else the host's.
std::unique_ptr<StepExecutor> make_step_executor(const CausalLm& model,
                                                 const BlockPool& pool,
                                                 const StepExecutorOptions& options);

}  // namespace retmask
