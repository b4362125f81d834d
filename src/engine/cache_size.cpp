#include "cache_size.h"

#include <algorithm>

#include "block_pool.h"

namespace retmask {

int64_t resolved_prefill_tokens(const GeneratorOptions& options, torch::Device device) {
  if (options.prefill_tokens > 0) return options.prefill_tokens;
  return device.is_cpu() ? 512 : 8192;
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
  const auto affordable =
      static_cast<int64_t>(share * static_cast<double>(std::max<int64_t>(available, 0))) /
      block_bytes;
  return std::min(affordable, most);
}

}  // namespace retmask
