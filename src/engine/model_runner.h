#pragma once
// One forward pass over decoding sequences and prefill chunks.

#include <torch/types.h>

#include <deque>
#include <optional>
#include <vector>

#include "block_pool.h"
#include "retmask/model/inference.h"
#include "running.h"

namespace retmask {

class ModelRunner {
 public:
  ModelRunner(const InferenceLm& model, const BlockPool& pool) : model_(model), pool_(pool) {}

  // Stores the new keys and values. Returns next-token logits, [n, vocab_size] on the model's
  // device, undefined when n is 0: the decoding sequences first, then each policy of each last
  // chunk. With a probe also the largest keys, [n, L, H] on the CPU.
  struct Result {
    torch::Tensor logits;
    torch::Tensor largest_keys;
  };
  Result run(const std::deque<Sequence>& sequences,
             const std::vector<PrefillChunk>& chunks,
             bool probe,
             GenerationTimes* times,
             const RowVisitor* on_rows = nullptr);

 private:
  class Builder;
  const HeadGate* gate(std::vector<HeadMask> masks);

  const InferenceLm& model_;
  const BlockPool& pool_;
  std::vector<HeadMask> masks_;  // of the batch that gate_ was made for
  std::optional<HeadGate> gate_;
};

}  // namespace retmask
