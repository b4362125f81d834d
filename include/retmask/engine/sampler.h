#pragma once
// Sampling: one token per sequence from its logits.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "retmask/base/random.h"

namespace retmask {

// Applied in transformers' order: repetition_penalty, temperature, top_k, top_p, min_p.
struct SamplingParams {
  double temperature = 0.0;  // 0: greedy
  double top_p = 1.0;        // keep the smallest set of tokens with at least this probability
  int64_t top_k = 0;         // keep the k most probable tokens; 0: all
  double min_p = 0.0;        // keep tokens with at least this fraction of the top probability
  // Logits of tokens in the prompt or in the answer so far are divided by it when positive,
  // multiplied by it when negative. 1: off. Source: transformers' RepetitionPenaltyLogitsProcessor;
  // CTRL (Keskar et al. 2019), section 4.1.
  double repetition_penalty = 1.0;

  // Throws UserError.
  void validate() const;
  bool operator==(const SamplingParams&) const = default;
};

struct SampledToken {
  int64_t id = 0;
  double logprob = 0.0;  // natural log, before temperature, filters and penalty
};

// Keeps its buffers between calls. Never sorts the whole vocabulary.
class Sampler {
 public:
  // The token `id` with its logprob; `logits` as for sample().
  SampledToken score(const float* logits, int64_t vocab_size, int64_t id);

  // logits [vocab_size] float32 on the CPU. Draws exactly one number from `random` unless greedy.
  // The first of equal logits wins. `seen`: the tokens that repetition_penalty applies to, in
  // parts; duplicates are allowed. Throws InternalError when the largest logit is not finite.
  SampledToken sample(const float* logits,
                      int64_t vocab_size,
                      const SamplingParams& params,
                      RandomStream& random,
                      std::initializer_list<std::span<const int64_t>> seen = {});

 private:
  // Natural log of the probability of `id`; `largest`: the largest logit.
  double logprob_of(const float* logits, int64_t vocab_size, float largest, int64_t id);
  // Writes penalised_.
  void penalise(const float* logits,
                int64_t vocab_size,
                double penalty,
                std::initializer_list<std::span<const int64_t>> seen);
  int64_t draw(const float* logits,
               int64_t vocab_size,
               const SamplingParams& params,
               int64_t best,
               RandomStream& random);
  int64_t draw_any(
      const float* logits, int64_t vocab_size, float largest, float scale, double uniform);
  int64_t draw_kept(const float* logits,
                    int64_t vocab_size,
                    const SamplingParams& params,
                    float largest,
                    float scale,
                    double uniform);
  void keep_top_p(const float* logits, double top_p, float largest, float scale);

  std::vector<float> penalised_;
  std::vector<float> sums_;
  std::vector<int64_t> ids_;
};

}  // namespace retmask
