#pragma once
// For networks whose weights are not in memory all the time (ZeRO stage 3): the network says when
// it needs which.

#include <cstdint>

namespace retmask {

enum class Pass { forward, backward };

// The parts of a network, in the order of its forward pass: 0 is the embedding, 1 .. L are the
// decoder layers, L + 1 is the head (final norm and lm_head; with tied weights the embedding too).
class WeightLender {
 public:
  virtual ~WeightLender() = default;

  // From lend to take_back the part's parameters must hold their values. In the backward pass this
  // spans the layer's second forward pass and its own backward pass.
  // The head is lent once per forward pass and never taken back by the network, which does not know
  // how often its caller wants logits: it is free once the backward pass reaches the last layer, or
  // when the next forward pass begins.
  virtual void lend(int64_t part, Pass pass) = 0;
  virtual void take_back(int64_t part, Pass pass) = 0;
};

// lend and take_back around a scope; a null lender costs nothing.
class LentPart {
 public:
  LentPart(WeightLender* lender, int64_t part, Pass pass)
      : lender_(lender), part_(part), pass_(pass) {
    if (lender_ != nullptr) lender_->lend(part_, pass_);
  }
  ~LentPart() {
    if (lender_ != nullptr) lender_->take_back(part_, pass_);
  }
  LentPart(const LentPart&) = delete;
  LentPart& operator=(const LentPart&) = delete;

 private:
  WeightLender* lender_;
  int64_t part_;
  Pass pass_;
};

}  // namespace retmask
