#include "retmask/engine/memory.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "block_pool.h"
#include "cache_size.h"
#include "retmask/base/error.h"
#include "retmask/base/memory.h"
#include "retmask/model/device.h"

namespace retmask {
namespace {

// Measured with SmolLM2-135M in bfloat16: 51 MiB after loading, up to 140 after 1,000 prompts.
constexpr int64_t kLibraryBytes = int64_t{96} << 20;

int64_t bytes_of(torch::ScalarType dtype) {
  return static_cast<int64_t>(torch::elementSize(dtype));
}

// One more copy of the largest matrix: as mapped from the file, or as it was before packing.
int64_t loading_bytes(const ModelConfig& config, torch::ScalarType dtype) {
  const int64_t rows = std::max(config.vocab_size, 2 * config.intermediate_size);
  const int64_t stored = static_cast<int64_t>(element_size(config.dtype));
  return rows * config.hidden_size * std::max(bytes_of(dtype), stored);
}

// Keys whose copies the prompts of a step read on a GPU, one layer at a time: those of two policies
// of the longest sequence, or of one and the float32 copy of its keys for the probe.
int64_t gathered_keys(const ModelConfig& config,
                      torch::Device device,
                      const GeneratorOptions& options) {
  if (device.is_cpu()) return 0;
  const int64_t longest =
      options.max_sequence_tokens > 0 ? options.max_sequence_tokens : config.max_positions;
  const int64_t most = prefill_policy(options, device).step_keys;
  return std::max(2 * longest, std::min(most, options.max_batch_size * longest));
}

// Rows of a step: decoding sequences, and prefill chunks for each of two policies.
int64_t step_bytes(const ModelConfig& config,
                   torch::Device device,
                   torch::ScalarType dtype,
                   const GeneratorOptions& options) {
  constexpr int64_t kPolicies = 2;
  const PrefillPolicy prefill = prefill_policy(options, device);
  const int64_t rows =
      options.max_batch_size + std::max(prefill.step_tokens, kPolicies * prefill.chunk_tokens);
  const int64_t query_size = config.num_attention_heads * config.head_dim;
  const int64_t key_size = config.num_key_value_heads * config.head_dim;
  // Residual stream before and after, normed input; queries, keys, values and attention output;
  // gate, up and their product.
  const int64_t row_elements =
      3 * config.hidden_size + 2 * query_size + 2 * key_size + 3 * config.intermediate_size;
  const int64_t logits = options.max_batch_size * config.vocab_size * bytes_of(torch::kFloat32);
  const int64_t sampler = at::get_num_threads() * config.vocab_size *
                          (bytes_of(torch::kInt64) + bytes_of(torch::kFloat32));
  return rows * row_elements * bytes_of(dtype) + logits + sampler +
         gathered_keys(config, device, options) * 2 * key_size * bytes_of(dtype);
}

}  // namespace

int64_t MemoryBudget::total() const {
  return process + libraries + weights + std::max(loading, kv_cache + step_buffers);
}

Json MemoryBudget::to_json() const {
  return {{"process", process},
          {"weights", weights},
          {"loading", loading},
          {"kv_cache", kv_cache},
          {"step_buffers", step_buffers},
          {"libraries", libraries},
          {"total", total()}};
}

std::string MemoryBudget::text() const {
  return detail::concat(format_bytes(total()),
                        ": ",
                        format_bytes(process),
                        " used by the process so far, ",
                        format_bytes(weights),
                        " of weights, ",
                        format_bytes(kv_cache),
                        " of keys and values, ",
                        format_bytes(step_buffers),
                        " of buffers, ",
                        format_bytes(libraries),
                        " for libraries");
}

int64_t default_batch_size(const ModelConfig& config,
                           torch::Device device,
                           torch::ScalarType dtype,
                           GeneratorOptions options,
                           std::optional<int64_t> free) {
  constexpr int64_t kLeast = 64;
  constexpr int64_t kMost = 256;
  if (device.is_cpu()) return kLeast;
  options.max_batch_size = kMost;
  const MemoryBudget budget = memory_budget(config, device, dtype, options, free);
  const int64_t sequence = BlockPool::blocks_for((options.max_sequence_tokens + 1) / 2) *
                           BlockPool::block_bytes(config, dtype);
  return std::clamp(budget.kv_cache / sequence, kLeast, kMost);
}

MemoryBudget memory_budget(const ModelConfig& config,
                           torch::Device device,
                           torch::ScalarType dtype,
                           const GeneratorOptions& options,
                           std::optional<int64_t> free) {
  MemoryBudget budget;
  budget.process = device.is_cpu() ? resident_memory() : 0;
  budget.weights = num_weights(config) * bytes_of(dtype);
  budget.libraries = device.is_cpu() ? kLibraryBytes : 0;
  budget.loading = loading_bytes(config, dtype);
  budget.step_buffers = step_bytes(config, device, dtype, options);
  const int64_t available =
      (free ? *free : free_memory(device)) - budget.weights - budget.step_buffers;
  const int64_t blocks = num_cache_blocks(config, device, dtype, options, available);
  budget.kv_cache = blocks * BlockPool::block_bytes(config, dtype);
  const int64_t needed = BlockPool::blocks_for(options.max_sequence_tokens);
  if (blocks < needed) {
    const bool is_given = options.kv_cache_bytes > 0;
    user_error("the longest prompt and --max-new-tokens, ",
               options.max_sequence_tokens,
               " tokens together, need ",
               format_bytes(needed * BlockPool::block_bytes(config, dtype)),
               " for keys and values, but ",
               is_given ? "--kv-cache-mib gives " : "the free memory allows ",
               format_bytes(budget.kv_cache),
               is_given ? "; raise it, or lower --max-new-tokens or --max-prompt-tokens"
                        : "; shorten the prompts or lower --max-new-tokens");
  }
  return budget;
}

}  // namespace retmask
