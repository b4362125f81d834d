#pragma once
// One step of generation: forward pass and sampling. Two implementations, chosen when a run begins:
// one for any device that samples on the host, and one that stays on the GPU.

#include <torch/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "block_pool.h"
#include "retmask/model/inference.h"
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

  // One forward pass over the sequences that want a token, and over prefill chunks; stores the new
  // keys and values.
  virtual void forward(std::deque<Sequence>& sequences,
                       const std::vector<PrefillChunk>& chunks) = 0;

  // Samples a token for each sequence: those passed to forward(), followed by the ones started
  // since. logits_row[i] is the logits row of sequence i: the sequences of forward() come first,
  // then each policy of each last chunk. Returns the tokens that are already known; the others are
  // pending (Sequence::pending) and are returned by a later call, in order for each sequence.
  virtual std::vector<DrawnToken> draw(std::deque<Sequence>& sequences,
                                       const std::vector<int64_t>& logits_row) = 0;
};

struct StepExecutorOptions {
  int64_t max_rows = 0;
  bool probe = false;                   // also return the largest keys
  bool cuda_graphs = true;              // as in GeneratorOptions
  GenerationTimes* times = nullptr;     // may be null
  const RowVisitor* on_rows = nullptr;  // may be null
};

// The GPU executor where the model supports it (InferenceLm::has_decode) and no rows are visited,
// else the host's.
std::unique_ptr<StepExecutor> make_step_executor(const InferenceLm& model,
                                                 const BlockPool& pool,
                                                 const StepExecutorOptions& options);

}  // namespace retmask
