#pragma once
// Text generation by continuous batching: sequences join and leave the running batch at every step,
// each with its own policy and random stream. Also log-probs of given texts.

#include <torch/types.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "retmask/engine/sampler.h"
#include "retmask/model/inference.h"

namespace retmask {

enum class FinishReason {
  stop_id,    // the last token is one of stop_ids
  stop_rule,  // stop_rule returned true; the last token belongs to the text
  length,     // max_new_tokens reached
};

// Returns true when the answer ends with the last of these tokens (never empty). Called after every
// token. Must depend on the tokens alone: it may be called again with the same ones. The engine
// knows no text, so stop strings are the caller's rule.
using StopPredicate = std::function<bool(std::span<const int64_t> tokens)>;

// The token that follows these (none at the start of an answer), whatever the model would say;
// nullopt: the model chooses. Called before every token, from any thread. Must depend on the tokens
// alone: it is called again from the start if the answer is started again.
using TokenForcer = std::function<std::optional<int64_t>(std::span<const int64_t> tokens)>;

// One answer to a request's prompt.
struct Continuation {
  HeadMask masked_heads = {};  // the policy: empty is theta
  RandomStream random = {};    // the text depends only on this, not on the batch
  // Teacher forcing: when not empty, these are the text, whatever the model would say, and the
  // result's logprobs are theirs. Stop ids and rules do not apply. At most max_new_tokens.
  std::vector<int64_t> forced_tokens = {};
};

struct GenerationRequest {
  std::vector<int64_t> prompt = {};
  // All share one prefill of the prompt: entirely where the policies are equal, else the layers
  // below the first masked one.
  std::vector<Continuation> continuations = {{}};
  SamplingParams sampling = {};
  int64_t max_new_tokens = 0;
  std::vector<int64_t> stop_ids = {};  // EOS ids; the stop token is kept in the result
  StopPredicate stop_rule = nullptr;   // null: none
  // Null: none. A forced token draws nothing from `random`, and has the model's log-prob of it. On
  // a GPU the whole answer is then drawn on the host. Not with forced_tokens.
  TokenForcer token_forcer = nullptr;
  // Positions of prompt and answer whose queries the RowVisitor sees. The query at position p
  // chooses token p + 1.
  RowRange visited_rows = {};
};

struct GenerationResult {
  std::vector<int64_t> tokens = {};
  FinishReason reason = FinishReason::length;
  std::vector<double> logprobs = {};  // SampledToken::logprob of each token

  double sum_logprob() const;
};

// Returns the next request, nullopt at the end. Called only when there is room for it, so the
// requests of a long run are never all in memory.
using RequestSource = std::function<std::optional<GenerationRequest>()>;

// Called as each continuation ends, so that it can be written to disk. Requests are numbered from 0
// in the order of the source.
using ResultVisitor =
    std::function<void(size_t request, size_t continuation, const GenerationResult& result)>;

// Called for each decoding step of a continuation: the token just sampled and, per head, the key
// position with the largest weight for the query that sampled it ([L, H] int64, CPU).
using StepObserver = std::function<void(
    size_t request, size_t continuation, int64_t token, const torch::Tensor& largest_keys)>;

// Called layer by layer with the queries of visited_rows, as they are computed: those of a prompt
// in one or more parts, in order. The tensors are views, valid during the call.
using RowVisitor =
    std::function<void(size_t request, size_t continuation, const AttentionRows& rows)>;

struct GeneratorOptions {
  int64_t max_batch_size = 16;  // concurrent continuations
  // Memory for the KV cache, at most what the batch can need. 0: that amount, capped at a quarter
  // of the free memory on the CPU and 85 % of it on a GPU, or what one sequence of
  // max_sequence_tokens needs where that is more. A batch that outgrows the cache sends
  // its newest continuation back to the queue.
  int64_t kv_cache_bytes = 0;
  // Longest prompt plus its new tokens, the bound on what the batch can need. 0: unknown, so the
  // model's maximum.
  int64_t max_sequence_tokens = 0;
  // On the CPU, allocate the whole cache at the start instead of page by page: a running job cannot
  // run out of memory, and its memory is known beforehand.
  bool reserve_cache = false;
  // Prompt tokens per step, alongside the decoding continuations. 0: 512 on the CPU, 8192 on a GPU,
  // where that many cost little more time (engine/cache_size.h).
  int64_t prefill_tokens = 0;
  // Blocks of the KV cache outlive their request, as long as the memory is not needed otherwise,
  // and serve later requests with the same policy whose prompts begin with the same tokens
  // (engine/prefix_cache.h). With our CPU kernels no text changes, to the last bit. Elsewhere a
  // prompt's result depends slightly on which of its tokens are computed together, as it does on
  // the batch. Has no effect under a RoPE that depends on the length of the sequence (dynamic NTK).
  bool prefix_cache = false;
  // On a GPU, replay decoding steps as CUDA graphs. False launches every kernel separately: same
  // result, slower.
  bool cuda_graphs = true;

  // Throws UserError.
  void validate() const;
};

// Time breakdown of a run, in seconds.
struct GenerationTimes {
  StepTimes forward;
  double logits = 0.0;  // lm_head's matrix product
  double sampling = 0.0;
  double total = 0.0;  // the remainder is norms, embedding and bookkeeping
  int64_t steps = 0;
  int64_t prompt_tokens = 0;  // computed
  int64_t reused_tokens = 0;  // of prompts, found in the cache (prefix_cache)
  int64_t new_tokens = 0;
  int64_t cached_tokens = 0;  // keys read by decoding queries, summed over steps and sequences
};

// Continuous batching: continuations join and leave at every step, prefill chunks run alongside
// decoding, nothing is padded. A prompt is cut into the same chunks in every batch and the rows of
// our CPU kernels are independent, so a text does not depend on the batch.
class Generator {
 public:
  Generator(const InferenceLm& model, GeneratorOptions options);

  // Runs all requests of the source. Throws UserError for a prompt that is empty or that, with its
  // new tokens, exceeds the model's positions or the whole cache. With `on_rows`, a GPU runs every
  // step by libtorch.
  void run(const RequestSource& source,
           const ResultVisitor& on_finish,
           const StepObserver& observer = nullptr,
           GenerationTimes* times = nullptr,
           const RowVisitor& on_rows = nullptr);

 private:
  const InferenceLm& model_;
  GeneratorOptions options_;
};

// The order in which prompts that share a beginning follow one another, those that share more
// closer together: the order of their tokens. For prefix_cache, which forgets when memory is short.
std::vector<size_t> prefix_order(const std::vector<std::span<const int64_t>>& prompts);

// A source over existing requests, which must outlive it.
RequestSource source_of(const std::vector<GenerationRequest>& requests);
RequestSource source_of(std::vector<GenerationRequest>&& requests) = delete;

// log p(tokens[i] | tokens[0..i-1]) for i >= first[s] of each sequence (every i >= 1 when `first`
// is empty), natural log in float32: S tensors of [length - first]. Differentiable when the model's
// parameters are. Logits are computed in chunks and only for the scored tokens, never [T,
// vocab_size] at once. `masked_heads` are off in all sequences (only without gradients).
std::vector<torch::Tensor> token_logprobs(const LanguageModel& model,
                                          const std::vector<std::vector<int64_t>>& sequences,
                                          const std::vector<int64_t>& first = {},
                                          const HeadMask& masked_heads = {});

}  // namespace retmask
