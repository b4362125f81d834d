#pragma once
// Generation: sequences join and leave the running batch at every step, each with its own policy
// and random stream; and the log-probs of given texts.

#include <torch/torch.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "retmask/engine/sampler.h"
#include "retmask/model/model.h"

namespace retmask {

enum class FinishReason {
  stop_id,    // its last token is one of stop_ids
  stop_rule,  // the request's rule held; its last token is a token of the text
  length,     // cut at max_new_tokens
};

// Whether an answer ends with the last one of these tokens (at least one); asked after each. It
// depends on the tokens alone and may be asked again about the same ones. The engine knows no text:
// what a text must not contain is a rule of its caller's.
using StopPredicate = std::function<bool(std::span<const int64_t> tokens)>;

// One answer to a request's prompt.
struct Continuation {
  std::vector<Head> masked_heads = {};  // the policy: empty is theta
  RandomStream random = {};             // the text depends on this alone, not on the batch
};

struct GenerationRequest {
  std::vector<int64_t> prompt = {};
  // They share the prompt's prefill: all of it where the policy is the same, else the layers below
  // the first masked one.
  std::vector<Continuation> continuations = {{}};
  SamplingParams sampling = {};
  int64_t max_new_tokens = 0;
  std::vector<int64_t> stop_ids = {};  // EOS ids; the stop token is part of the result's tokens
  StopPredicate stop_rule = nullptr;   // null: none
};

struct GenerationResult {
  std::vector<int64_t> tokens = {};
  FinishReason reason = FinishReason::length;
  std::vector<double> logprobs = {};  // SampledToken::logprob of each token

  double sum_logprob() const;
};

// The next request, or nothing more. Asked only when there is room for it, so that the requests of
// a long run never lie in memory together.
using RequestSource = std::function<std::optional<GenerationRequest>()>;

// Called as each continuation ends, so that it can be written to disk. Requests count from 0 in the
// order in which the source gave them.
using ResultVisitor =
    std::function<void(size_t request, size_t continuation, const GenerationResult& result)>;

// Sees each decoding step of a continuation: the token just chosen and, per head, the key position
// with the largest weight at the query row that chose it ([L, H] int64, CPU).
using StepObserver = std::function<void(
    size_t request, size_t continuation, int64_t token, const torch::Tensor& largest_keys)>;

struct GeneratorOptions {
  int64_t max_batch_size = 16;  // continuations that run at once
  // Memory for keys and values, at most as much as the batch can need; 0: that, or a quarter of the
  // free memory on the CPU and 85 % of it on a GPU where this is less. A batch that grows beyond it
  // sends its newest continuation back to the queue.
  int64_t kv_cache_bytes = 0;
  // The longest prompt with its new tokens, by which is known what the batch can need; 0: unknown,
  // so that it is the model's longest.
  int64_t max_sequence_tokens = 0;
  // On the CPU, take all of the cache's memory at the start instead of page by page: a run that has
  // begun does not fail for lack of it, and its memory is known beforehand.
  bool reserve_cache = false;
  // Of prompts, in one step beside the decoding continuations; 0: 512 on the CPU, 8192 on a GPU,
  // which reads so many in little more time.
  int64_t prefill_tokens = 0;
  // On a GPU: record the decoding step once as a CUDA graph. False launches each step anew, which
  // computes the same and takes longer.
  bool cuda_graphs = true;

  // Throws UserError.
  void validate() const;
};

// Where the time of a run went; seconds.
struct GenerationTimes {
  StepTimes forward;
  double logits = 0.0;  // the head's matrix product
  double sampling = 0.0;
  double total = 0.0;  // the rest of it is norms, embedding, bookkeeping
  int64_t steps = 0;
  int64_t prompt_tokens = 0;
  int64_t new_tokens = 0;
  int64_t cached_tokens = 0;  // keys that the new tokens' queries read, summed over steps and rows
};

// Continuous batching: at every step continuations join and leave, prompts are taken in chunks
// beside the decoding ones, and nothing is padded. The chunks of a prompt are the same in every
// batch, and a packed model's rows do not depend on each other: neither do the texts.
class Generator {
 public:
  Generator(const CausalLm& model, GeneratorOptions options);

  // Runs all requests of the source. Throws UserError for an empty prompt or one that (with its new
  // tokens) exceeds the model's positions or the whole cache.
  void run(const RequestSource& source,
           const ResultVisitor& on_finish,
           const StepObserver& observer = nullptr,
           GenerationTimes* times = nullptr);

 private:
  const CausalLm& model_;
  GeneratorOptions options_;
};

// A source of requests that are already there; they must outlive it.
RequestSource source_of(const std::vector<GenerationRequest>& requests);
RequestSource source_of(std::vector<GenerationRequest>&& requests) = delete;

// log p(tokens[i] | tokens[0..i-1]) for i >= first[s] of each sequence (every i >= 1 when `first`
// is empty), natural log in float32: S of [length - first]. Differentiable when the model's
// parameters are. Logits are computed in chunks and for the scored tokens alone, never [T,
// vocab_size] at once. `masked_heads` are off in all of them (without gradients only).
std::vector<torch::Tensor> token_logprobs(const CausalLm& model,
                                          const std::vector<std::vector<int64_t>>& sequences,
                                          const std::vector<int64_t>& first = {},
                                          const std::vector<Head>& masked_heads = {});

}  // namespace retmask
