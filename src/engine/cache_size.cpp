#include "cache_size.h"

#include <algorithm>

#include "block_pool.h"

namespace retmask {

PrefillPolicy prefill_policy(const GeneratorOptions& options, torch::Device device) {
  constexpr int64_t kRowsPerIdleRow = 32;
  PrefillPolicy policy;
  if (device.is_cpu()) {
    policy = {.chunk_tokens = 512, .step_tokens = 512};
  } else {
    policy = {.chunk_tokens = 8192,
              .step_tokens = 8192,
              .step_keys = int64_t{1} << 17,
              .least_tokens = 2048,
              .least_rows = std::min<int64_t>(8, options.max_batch_size / kRowsPerIdleRow)};
  }
  if (options.prefill_tokens > 0) policy.step_tokens = options.prefill_tokens;
  return policy;
}

bool can_share_prefixes(const ModelConfig& config) {
  return std::ranges::none_of(
      config.layers, [](const LayerConfig& layer) { return layer.rope.depends_on_length(); });
}

int64_t num_cache_blocks(const ModelConfig& config,
                         torch::Device device,
                         torch::ScalarType dtype,
                         const GeneratorOptions& options,
                         int64_t available) {
  const int64_t block_bytes = BlockPool::block_bytes(config, dtype);
  const int64_t longest =
      options.max_sequence_tokens > 0 ? options.max_sequence_tokens : config.max_positions;
  const int64_t most = options.max_batch_size * BlockPool::blocks_for(longest);
  if (options.kv_cache_bytes > 0) return std::min(options.kv_cache_bytes / block_bytes, most);
  const double share = device.is_cpu() ? 0.25 : 0.85;
  available = std::max<int64_t>(available, 0);
  const auto affordable =
      static_cast<int64_t>(share * static_cast<double>(available)) / block_bytes;
  // One sequence may have all there is.
  const int64_t one =
      std::min(BlockPool::blocks_for(options.max_sequence_tokens), available / block_bytes);
  return std::min(std::max(affordable, one), most);
}

}  // namespace retmask
