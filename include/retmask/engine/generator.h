#pragma once
// Generation: sequences join and leave the running batch at every step, each with its own policy
// and random stream.

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "retmask/engine/sampler.h"
#include "retmask/model/model.h"

namespace retmask {

enum class FinishReason { stop, length };
std::string to_string(FinishReason reason);

struct GenerationRequest {
  std::vector<int64_t> prompt = {};
  std::vector<Head> masked_heads = {};  // the policy: empty is theta
  SamplingParams sampling = {};
  RandomStream random = {};  // the text depends on this alone, not on the batch
  int64_t max_new_tokens = 0;
  std::vector<int64_t> stop_ids = {};  // EOS ids; the stop token is part of the result's tokens
};

struct GenerationResult {
  std::vector<int64_t> tokens = {};
  FinishReason reason = FinishReason::length;
  double sum_logprob = 0.0;
};

// Sees each decoding step of a sequence: the token just chosen and, per head, the key position with
// the largest weight at the query row that chose it ([L, H] int64, CPU).
using StepObserver =
    std::function<void(size_t request, int64_t token, const torch::Tensor& largest_keys)>;

struct GeneratorOptions {
  int64_t max_batch_size = 16;  // sequences that run at once
};

class Generator {
 public:
  Generator(const CausalLm& model, GeneratorOptions options);

  // Runs all requests; `on_finish(index, result)` is called as each ends, so that it can be written
  // to disk. Throws UserError for an empty prompt or one that (with its new tokens) exceeds
  // max_position_embeddings.
  void run(const std::vector<GenerationRequest>& requests,
           const std::function<void(size_t request, const GenerationResult& result)>& on_finish,
           const StepObserver& observer = nullptr);

 private:
  const CausalLm& model_;
  GeneratorOptions options_;
};

// log p(tokens[i] | tokens[0..i-1]) for i >= first[s] of each sequence (every i >= 1 when `first`
// is empty), natural log in float32: S of [length - first]. Differentiable when the model's
// parameters are. Logits are computed in chunks and for the scored tokens alone, never [T,
// vocab_size] at once. `masked_heads` are off in all of them (without gradients only).
std::vector<torch::Tensor> token_logprobs(const CausalLm& model,
                                          const std::vector<std::vector<int64_t>>& sequences,
                                          const std::vector<int64_t>& first = {},
                                          const std::vector<Head>& masked_heads = {});

}  // namespace retmask
