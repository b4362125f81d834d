#include "retmask/train/memory_plan.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/memory.h"
#include "retmask/train/batches.h"

namespace retmask::train {
namespace {

constexpr int64_t kFloat32Bytes = 4;
constexpr int64_t kLowerHalfBytes = 2;
// Code that is loaded when it is first called, compiled kernels, scratch, and what lies idle
// between blocks. Measured on a CPU with SmolLM2-135M, 8, 16 and 32 short pairs a step, bfloat16 in
// all three modes and float32 in two: what was taken is 0.11 GiB less to 0.30 GiB more than the
// rest of the plan.
constexpr int64_t kLibraryBytes = int64_t{96} << 20;

// More would show little that is new and take seconds.
constexpr int64_t kStepsLookedAt = 4096;

int64_t bytes_of(torch::ScalarType dtype) {
  return static_cast<int64_t>(torch::elementSize(dtype));
}

// Elements of parts of the network.
struct Sizes {
  int64_t all = 0;
  int64_t embedding = 0;  // [vocab_size, hidden_size]
  int64_t layer = 0;
  int64_t largest_unit = 0;  // of what ZeRO gathers at once: the embedding, a layer or the head
};

Sizes sizes_of(const ModelConfig& config) {
  Sizes sizes;
  sizes.all = num_weights(config);
  sizes.embedding = config.vocab_size * config.hidden_size;
  const int64_t outside = sizes.embedding * (config.tie_word_embeddings ? 1 : 2);
  sizes.layer = (sizes.all - outside) / config.num_hidden_layers();
  sizes.largest_unit = std::max(sizes.embedding, sizes.layer);
  return sizes;
}

// Per token, in elements of the network's dtype.
struct TokenSizes {
  int64_t layer_input = 0;
  int64_t layer = 0;          // all that a layer keeps, its input included
  int64_t layer_cheap = 0;    // the part of it that selective checkpointing computes again
  int64_t layer_working = 0;  // gradients inside a layer at one time
};

TokenSizes token_sizes(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size;
  const int64_t queries = config.num_attention_heads * config.head_dim;
  const int64_t keys = config.num_key_value_heads * config.head_dim;
  const int64_t inner = config.intermediate_size;
  const bool pre = config.norm_placement == NormPlacement::pre;
  TokenSizes sizes;
  sizes.layer_input = hidden;
  // The layer's input and the MLP's, beside each what comes out of (or goes into) its norm; rotated
  // queries and keys, values, attention's output; gate, up and their product.
  sizes.layer = 4 * hidden + 2 * queries + 2 * keys + 3 * inner;
  if (config.qk_norm != QkNorm::none) sizes.layer += queries + keys;
  sizes.layer_cheap = (pre ? 2 * hidden : 0) + inner;
  // Of gate, up and their product; of the layer's output, the normed and the plain input.
  sizes.layer_working = 3 * inner + 3 * hidden;
  return sizes;
}

// A GPU's layer in bytes per token: libtorch's rotation goes through float32 (rotate_heads), four
// products of half a head each, their sums and the bfloat16 gradients on both sides.
int64_t gpu_working_bytes(const ModelConfig& config, int64_t width) {
  const int64_t queries = config.num_attention_heads * config.head_dim;
  const int64_t rotation = queries * (2 * width + (2 + 1) * kFloat32Bytes);
  return std::max(rotation, token_sizes(config).layer_working * width);
}

// What one layer keeps in the layer's own backward pass, and all layers before it.
struct KeptBytes {
  int64_t layer = 0;
  int64_t all = 0;
};

KeptBytes kept_bytes(const ModelConfig& config, const MemoryCase& memory_case) {
  const TokenSizes token = token_sizes(config);
  const int64_t layers = config.num_hidden_layers();
  // One number per query and head stays float32: the log-sum-exp.
  const int64_t sums = config.num_attention_heads * kFloat32Bytes;
  const int64_t width = bytes_of(memory_case.dtype);
  const int64_t tokens = memory_case.pass.tokens;
  const int64_t layer = tokens * (token.layer * width + sums);
  switch (memory_case.activation_checkpointing) {
    case ActivationCheckpointing::none:
      return {.layer = layer, .all = layers * layer};
    case ActivationCheckpointing::selective:
      return {.layer = layer, .all = layers * (layer - tokens * token.layer_cheap * width)};
    case ActivationCheckpointing::full:  // every layer's input, and the one layer at work
      return {.layer = layer, .all = tokens * layers * token.layer_input * width + layer};
  }
  return {};
}

// What the backward pass is at work on, from the head down.
struct WorkingBytes {
  int64_t head = 0;   // a chunk of logits, its weight's gradient, the gradient of the hidden states
  int64_t layer = 0;  // while the head's gradient waits for the embedding's where they are one
  int64_t embedding = 0;  // then added to it
};

WorkingBytes working_bytes(const ModelConfig& config,
                           const MemoryCase& memory_case,
                           const Sizes& sizes) {
  const int64_t width = bytes_of(memory_case.dtype);
  const LargestMicroBatch& pass = memory_case.pass;
  const int64_t rows =
      std::min(pass.scored_tokens, head_chunk_rows(config.vocab_size, memory_case.dtype));
  const int64_t states = (2 * pass.tokens + 2 * pass.scored_tokens) * config.hidden_size * width;
  const int64_t waiting = config.tie_word_embeddings ? sizes.embedding * width : 0;
  const bool on_cpu = memory_case.device.is_cpu();
  // A GPU's softmax of a chunk is a float32 copy of its logits (head_logprobs.cpp).
  const int64_t logit = width + (on_cpu ? 0 : kFloat32Bytes);
  const int64_t layer_bytes =
      on_cpu ? token_sizes(config).layer_working * width : gpu_working_bytes(config, width);
  return {.head = rows * config.vocab_size * logit + sizes.embedding * width + states,
          .layer = waiting + pass.tokens * layer_bytes,
          .embedding = (config.tie_word_embeddings ? 3 : 1) * sizes.embedding * width};
}

}  // namespace

LargestMicroBatch largest_micro_batch(const std::vector<TrainingExample>& examples,
                                      const TrainOptions& options,
                                      int64_t ranks,
                                      int64_t hidden_size) {
  const BatchPlan plan(static_cast<int64_t>(examples.size()), options);
  LargestMicroBatch largest{.only = true};
  const auto look_at = [&](const RowIndices& rows) {
    LargestMicroBatch pass;
    for (const int64_t row : rows) {
      const TrainingExample& example = examples[static_cast<size_t>(row)];
      pass.tokens += example.num_tokens();
      pass.scored_tokens += static_cast<int64_t>(example.chosen.size() + example.rejected.size());
    }
    if (pass.tokens <= largest.tokens) return;
    largest.tokens = pass.tokens;
    largest.scored_tokens = pass.scored_tokens;
  };
  for (int64_t step = 0; step < std::min(plan.total_steps(), kStepsLookedAt); ++step) {
    for (const auto& passes : micro_batches_of_ranks(
             plan.batch(step), examples, ranks, hidden_size, options.micro_batch_tokens)) {
      largest.only = largest.only && passes.size() <= 1;
      for (const RowIndices& rows : passes) look_at(rows);
    }
  }
  return largest;
}

int64_t MemoryPlan::total() const {
  return process + weights + master_weights + optimizer + gradients + activations + working;
}

Json MemoryPlan::to_json() const {
  return {{"process", process},
          {"weights", weights},
          {"master_weights", master_weights},
          {"optimizer", optimizer},
          {"gradients", gradients},
          {"activations", activations},
          {"working", working},
          {"total", total()}};
}

std::string MemoryPlan::text() const {
  std::string text = format_bytes(total()) + ":";
  const char* separator = " ";
  for (const auto& [name, bytes] : {std::pair("of the process so far", process),
                                    std::pair("weights", weights),
                                    std::pair("lower halves of float32 weights", master_weights),
                                    std::pair("optimizer", optimizer),
                                    std::pair("gradients", gradients),
                                    std::pair("activations", activations),
                                    std::pair("at work", working)}) {
    if (bytes == 0) continue;
    text += separator + format_bytes(bytes) + " " + name;
    separator = ", ";
  }
  return text;
}

MemoryPlan plan_memory(const ModelConfig& config, const MemoryCase& memory_case) {
  const Sizes sizes = sizes_of(config);
  const int64_t width = bytes_of(memory_case.dtype);
  const int64_t stage = memory_case.zero_stage;
  const auto share = [&](bool sliced) { return sizes.all / (sliced ? memory_case.ranks : 1); };
  MemoryPlan plan;
  plan.weights = share(stage == 3) * width;
  // The unit in use and the next one.
  if (stage == 3) plan.weights += (sizes.largest_unit + sizes.layer) * width;
  if (width < kFloat32Bytes) plan.master_weights = share(stage >= 1) * kLowerHalfBytes;
  plan.optimizer = 2 * share(stage >= 1) * kFloat32Bytes;
  plan.gradients = share(stage >= 2) * kFloat32Bytes;
  // Whole units on their way into the slices: one being filled, two layers being summed.
  if (stage >= 2) plan.gradients += (sizes.largest_unit + 2 * sizes.layer) * kFloat32Bytes;
  // Gloo sums in a copy.
  const bool copies = memory_case.device.is_cpu() && memory_case.ranks > 1 && stage >= 1;
  if (copies) plan.gradients += sizes.largest_unit * kFloat32Bytes;
  const KeptBytes kept = kept_bytes(config, memory_case);
  plan.activations = kept.all;
  const WorkingBytes working = working_bytes(config, memory_case, sizes);
  plan.working = std::max({working.head, working.layer, working.embedding});
  if (memory_case.pass.only && memory_case.device.is_cpu()) {  // ShardedGradients::reset()
    const int64_t first = std::max(working.head, working.layer);
    const int64_t last = std::max(kept.layer + working.layer, working.embedding);
    const bool at_first = plan.activations + first >= plan.gradients + last;
    (at_first ? plan.gradients : plan.activations) = 0;
    plan.working = at_first ? first : last;
  }
  if (memory_case.device.is_cpu()) plan.working += kLibraryBytes;
  return plan;
}

ActivationCheckpointing choose_activation_checkpointing(const ModelConfig& config,
                                                        MemoryCase memory_case,
                                                        int64_t process,
                                                        int64_t available) {
  using enum ActivationCheckpointing;
  for (const auto mode : {none, selective}) {
    memory_case.activation_checkpointing = mode;
    if (process + plan_memory(config, memory_case).total() <= available) return mode;
  }
  return full;
}

}  // namespace retmask::train
