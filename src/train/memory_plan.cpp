#include "retmask/train/memory_plan.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>

#include "retmask/base/block_heap.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/memory.h"
#include "retmask/train/batches.h"

namespace fs = std::filesystem;

namespace retmask::train {
namespace {

constexpr int64_t kFloat32Bytes = 4;
constexpr int64_t kLowerHalfBytes = 2;
// Code loaded on first use, compiled kernels, scratch memory and allocator fragmentation. Measured
// on a CPU with SmolLM2-135M, 8, 16 and 32 short pairs per step, bfloat16 in all three modes and
// float32 in two: the peak was between 0.11 GiB below and 0.30 GiB above the rest of the plan.
constexpr int64_t kLibraryBytes = int64_t{96} << 20;

// Looking at more steps takes seconds and hardly changes the maximum.
constexpr int64_t kStepsLookedAt = 4096;

int64_t bytes_of(torch::ScalarType dtype) {
  return static_cast<int64_t>(torch::elementSize(dtype));
}

// Sizes of parts of the network, in elements.
struct Sizes {
  int64_t all = 0;
  int64_t embedding = 0;  // [vocab_size, hidden_size]
  int64_t layer = 0;
  int64_t largest_unit = 0;  // the largest unit that ZeRO gathers: embedding, layer or head
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

// Activations per token, in elements of the network's dtype.
struct TokenSizes {
  int64_t layer_input = 0;
  int64_t layer = 0;          // everything a layer keeps, its input included
  int64_t layer_cheap = 0;    // the part that selective checkpointing recomputes
  int64_t layer_working = 0;  // gradients alive at one time inside a layer
};

TokenSizes token_sizes(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size;
  const int64_t queries = config.num_attention_heads * config.head_dim;
  const int64_t keys = config.num_key_value_heads * config.head_dim;
  const int64_t inner = config.intermediate_size;
  const bool pre = config.norm_placement == NormPlacement::pre;
  TokenSizes sizes;
  sizes.layer_input = hidden;
  // The inputs of the layer and of the MLP, each with the other side of its norm; rotated queries
  // and keys, values, attention output; gate, up and their product.
  sizes.layer = 4 * hidden + 2 * queries + 2 * keys + 3 * inner;
  if (config.qk_norm != QkNorm::none) sizes.layer += queries + keys;
  sizes.layer_cheap = (pre ? 2 * hidden : 0) + inner;
  // Gradients of gate, up and their product; of the layer's output, normed input and input.
  sizes.layer_working = 3 * inner + 3 * hidden;
  return sizes;
}

// Working memory of a layer on a GPU, in bytes per token: libtorch's rotation runs in float32
// (rotate_heads): four products of half a head each, their sums, and the bfloat16 gradients of
// input and output.
int64_t gpu_working_bytes(const ModelConfig& config, int64_t width) {
  const int64_t queries = config.num_attention_heads * config.head_dim;
  const int64_t rotation = queries * (2 * width + (2 + 1) * kFloat32Bytes);
  return std::max(rotation, token_sizes(config).layer_working * width);
}

// Activations kept for the backward pass: of the layer being processed, and of all layers.
struct KeptBytes {
  int64_t layer = 0;
  int64_t all = 0;
};

KeptBytes kept_bytes(const ModelConfig& config, const MemoryCase& memory_case) {
  const TokenSizes token = token_sizes(config);
  const int64_t layers = config.num_hidden_layers();
  // One float32 per query and head: attention's log-sum-exp.
  const int64_t sums = config.num_attention_heads * kFloat32Bytes;
  const int64_t width = bytes_of(memory_case.dtype);
  const int64_t tokens = memory_case.pass.tokens;
  const int64_t layer = tokens * (token.layer * width + sums);
  switch (memory_case.activation_checkpointing) {
    case ActivationCheckpointing::none:
      return {.layer = layer, .all = layers * layer};
    case ActivationCheckpointing::selective:
      return {.layer = layer, .all = layers * (layer - tokens * token.layer_cheap * width)};
    case ActivationCheckpointing::full:  // every layer's input, and one recomputed layer
      return {.layer = layer, .all = tokens * layers * token.layer_input * width + layer};
  }
  return {};
}

// Temporary memory of the backward pass, from the head down.
struct WorkingBytes {
  int64_t head = 0;   // a chunk of logits, its weight's gradient, the gradient of the hidden states
  int64_t layer = 0;  // with tied weights, the head's gradient waits for the embedding's
  int64_t embedding = 0;  // the two are then added
};

WorkingBytes working_bytes(const ModelConfig& config,
                           const MemoryCase& memory_case,
                           const Sizes& sizes) {
  const int64_t width = bytes_of(memory_case.dtype);
  const LargestMicroBatch& micro_batch = memory_case.pass;
  const int64_t rows =
      std::min(micro_batch.scored_tokens,
               head_chunk_rows(config.vocab_size, memory_case.dtype, memory_case.device));
  const int64_t states =
      (2 * micro_batch.tokens + 2 * micro_batch.scored_tokens) * config.hidden_size * width;
  const int64_t waiting = config.tie_word_embeddings ? sizes.embedding * width : 0;
  const bool on_cpu = memory_case.device.is_cpu();
  const bool widens = widens_products(memory_case.dtype, memory_case.device);
  // A float32 copy of a chunk's logits: for the softmax on a GPU, or for the products.
  const int64_t logit = width + (on_cpu && !widens ? 0 : kFloat32Bytes);
  // The head's weight and its gradient.
  const int64_t widened = widens ? 2 * sizes.embedding * kFloat32Bytes : 0;
  int64_t layer_bytes =
      on_cpu ? token_sizes(config).layer_working * width : gpu_working_bytes(config, width);
  // The two factors of a product.
  if (widens) layer_bytes += (config.intermediate_size + config.hidden_size) * kFloat32Bytes;
  return {.head = rows * config.vocab_size * logit + sizes.embedding * width + widened + states,
          .layer = waiting + micro_batch.tokens * layer_bytes,
          .embedding = (config.tie_word_embeddings ? 3 : 1) * sizes.embedding * width};
}

}  // namespace

LargestMicroBatch largest_micro_batch(const std::vector<TrainingExample>& examples,
                                      const Options& options,
                                      int64_t ranks,
                                      int64_t hidden_size) {
  const BatchPlan plan(static_cast<int64_t>(examples.size()), options);
  LargestMicroBatch largest{.only = true};
  const auto look_at = [&](const RowIndices& rows) {
    int64_t tokens = 0;
    int64_t scored_tokens = 0;
    for (const int64_t row : rows) {
      const TrainingExample& example = examples[static_cast<size_t>(row)];
      tokens += example.num_tokens();
      scored_tokens += static_cast<int64_t>(example.chosen.size() + example.rejected.size());
    }
    if (tokens <= largest.tokens) return;
    largest.tokens = tokens;
    largest.scored_tokens = scored_tokens;
  };
  for (int64_t step = 0; step < std::min(plan.total_steps(), kStepsLookedAt); ++step) {
    for (const auto& micro_batches : micro_batches_of_ranks(
             plan.batch(step), examples, ranks, hidden_size, options.micro_batch_tokens)) {
      largest.only = largest.only && micro_batches.size() <= 1;
      for (const RowIndices& rows : micro_batches) look_at(rows);
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
  for (const auto& [name, bytes] :
       {std::pair("in the process's memory", process),
        std::pair("weights", weights),
        std::pair("lower halves of the float32 weights", master_weights),
        std::pair("optimizer", optimizer),
        std::pair("gradients", gradients),
        std::pair("activations", activations),
        std::pair("temporary", working)}) {
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
  // Whole units in flight to the slices: one being filled, two layers being reduced.
  if (stage >= 2) plan.gradients += (sizes.largest_unit + 2 * sizes.layer) * kFloat32Bytes;
  // Gloo reduces in a copy.
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
                                                        const MemoryRoom& room) {
  using enum ActivationCheckpointing;
  for (const auto mode : {none, selective}) {
    memory_case.activation_checkpointing = mode;
    if (room.process + plan_memory(config, memory_case).total() <= room.available) return mode;
  }
  return full;
}

MemoryPlan settle_memory(const Job& job, Options& options, bool goes_on) {
  distributed::ProcessGroup& group = *job.group;
  const fs::path path = job.out / "memory_plan.json";
  MemoryCase memory_case{.device = job.model.device(),
                         .dtype = job.model.dtype(),
                         .ranks = group.size(),
                         .zero_stage = options.zero_stage,
                         .pass = largest_micro_batch(
                             job.examples, options, group.size(), job.model.config().hidden_size)};
  std::optional<ActivationCheckpointing> mode = options.activation_checkpointing;
  if (options.zero_stage == 3) mode = ActivationCheckpointing::full;
  if (!mode && goes_on && fs::exists(path)) {
    const Json earlier = read_json_file(path, "memory plan");
    mode = parse_activation_checkpointing(
        json_get<std::string>(earlier, "activation_checkpointing", path.string()));
  }
  if (!mode) {
    mode = choose_activation_checkpointing(job.model.config(), memory_case, job.memory);
  }
  // Ranks may find different amounts of free memory; rank 0 decides.
  const double choice = group.is_first() ? static_cast<double>(*mode) : 0;
  mode = static_cast<ActivationCheckpointing>(group.sum({choice}).front());
  options.activation_checkpointing = mode;
  memory_case.activation_checkpointing = *mode;

  MemoryPlan plan = plan_memory(job.model.config(), memory_case);
  plan.process = job.memory.process;
  log::info("memory per rank " + plan.text() + "; activation checkpointing: " + to_string(*mode));
  if (plan.total() > job.memory.available) {
    log::warn("only " + format_bytes(job.memory.available) +
              " available; lower --micro-batch-tokens, train on more ranks or raise "
              "--zero-stage");
  }
  if (group.is_first()) {
    Json file = plan.to_json();
    file["activation_checkpointing"] = to_string(*mode);
    write_json_file(path, file);
  }
  return plan;
}

namespace {

// Smaller tensors are numerous and take little memory.
constexpr size_t kLargeBytes = size_t{64} << 10;

// Never destroyed: static tensors may outlive it.
BlockHeap& heap() {
  static BlockHeap& heap = *new BlockHeap;
  return heap;
}

void free_tensor(void* memory) {
  if (!heap().release(memory)) c10::GetDefaultCPUAllocator()->raw_deallocate(memory);
}

class LargeTensorAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes >= kLargeBytes ? heap().allocate(bytes) : nullptr;
    if (block == nullptr) return c10::GetDefaultCPUAllocator()->allocate(bytes);
    return {block, block, &free_tensor, c10::Device(c10::kCPU)};
  }
  // Used by oneDNN for its scratch memory.
  c10::DeleterFnPtr raw_deleter() const override { return &free_tensor; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void keep_large_tensors(int64_t room) {
  static LargeTensorAllocator& allocator = *new LargeTensorAllocator;
  heap().reserve(static_cast<size_t>(room));
  c10::SetCPUAllocator(&allocator);
}

}  // namespace retmask::train
