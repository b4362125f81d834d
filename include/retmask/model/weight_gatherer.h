#pragma once
// Hook for networks whose weights are not always in memory (ZeRO stage 3): the network announces
// which part it needs and when.

#include <cstdint>

namespace retmask {

enum class Pass { forward, backward };

// The parts of a network, in the order of its forward pass: 0 is the embedding, 1 .. L are the
// decoder layers, L + 1 is the head (final norm and lm_head; with tied weights the embedding too).
class WeightGatherer {
 public:
  virtual ~WeightGatherer() = default;

  // From gather to release the parameters of the part must hold their values. In the backward pass
  // this spans the recomputed forward pass of the layer and its backward pass. The head is gathered
  // once per forward pass and never released by the network, which does not know how often its
  // caller wants logits: it may be freed once the backward pass reaches the last layer, or when the
  // next forward pass begins.
  virtual void gather(int64_t part, Pass pass) = 0;
  virtual void release(int64_t part, Pass pass) = 0;
};

// gather and release around a scope; a null gatherer costs nothing.
class GatheredPart {
 public:
  GatheredPart(WeightGatherer* gatherer, int64_t part, Pass pass)
      : gatherer_(gatherer), part_(part), pass_(pass) {
    if (gatherer_ != nullptr) gatherer_->gather(part_, pass_);
  }
  ~GatheredPart() {
    if (gatherer_ != nullptr) gatherer_->release(part_, pass_);
  }
  GatheredPart(const GatheredPart&) = delete;
  GatheredPart& operator=(const GatheredPart&) = delete;

 private:
  WeightGatherer* gatherer_;
  int64_t part_;
  Pass pass_;
};

}  // namespace retmask
