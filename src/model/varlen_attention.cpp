#include "varlen_attention.h"

#include <algorithm>

#include "flash_window.h"
#include "retmask/model/upload.h"

namespace retmask {

using torch::indexing::Slice;

namespace {

bool has_kernel(int64_t head_dim) { return head_dim % 8 == 0 && head_dim <= 256; }

}  // namespace

std::shared_ptr<const VarlenPlan> plan_varlen(const PackedBatch& batch,
                                              torch::Device device,
                                              torch::ScalarType dtype,
                                              int64_t head_dim) {
  if (!device.is_cuda() || dtype != torch::kBFloat16 || !has_kernel(head_dim)) return nullptr;
  VarlenPlan plan;
  std::vector<int32_t> query_starts{0};
  std::vector<int32_t> key_starts{0};
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    const int64_t keys = (batch.past.empty() ? 0 : batch.past[s]) + batch.lengths[s];
    query_starts.push_back(query_starts.back() + static_cast<int32_t>(batch.lengths[s]));
    key_starts.push_back(key_starts.back() + static_cast<int32_t>(keys));
    plan.query_ends.push_back(query_starts.back());
    plan.key_ends.push_back(key_starts.back());
    plan.longest_query = std::max(plan.longest_query, batch.lengths[s]);
    plan.longest_key = std::max(plan.longest_key, keys);
  }
  plan.query_starts = upload(query_starts, device);
  if (query_starts == key_starts) {
    plan.key_starts = plan.query_starts;
    return std::make_shared<const VarlenPlan>(std::move(plan));
  }
  plan.key_starts = upload(key_starts, device);

  const int64_t block_size = batch.cache->block_size;
  const auto tables = batch.cache->block_tables.accessor<int32_t, 2>();
  std::vector<int64_t> blocks;
  std::vector<int64_t> rows;
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    for (int64_t key = 0; key < batch.past[s] + batch.lengths[s]; ++key) {
      blocks.push_back(tables[static_cast<int64_t>(s)][key / block_size]);
      rows.push_back(key % block_size);
    }
  }
  plan.key_blocks = upload(blocks, device);
  plan.key_rows = upload(rows, device);
  return std::make_shared<const VarlenPlan>(std::move(plan));
}

VarlenKeys varlen_keys(const ProjectedHeads& heads,
                       int64_t layer,
                       const PackedBatch& batch,
                       const VarlenPlan& plan) {
  if (!plan.key_blocks.defined()) return {heads.k, heads.v};
  const KeyValueBlocks::Layer& cache = (*batch.cache->layers)[static_cast<size_t>(layer)];
  return {cache.keys.index({plan.key_blocks, Slice(), plan.key_rows}),
          cache.values.index({plan.key_blocks, Slice(), plan.key_rows})};
}

torch::Tensor varlen_largest_keys(const torch::Tensor& q,
                                  const VarlenKeys& keys,
                                  std::optional<int64_t> sliding_window,
                                  const PackedBatch& batch,
                                  const VarlenPlan& plan) {
  const torch::Tensor largest = unknown_keys(batch, q.size(1), q.device());
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    if (!batch.probe->wants(s)) continue;
    const int64_t first = s == 0 ? 0 : plan.key_ends[s - 1];
    largest[static_cast<int64_t>(s)] =
        largest_key(q[plan.query_ends[s] - 1],
                    keys.keys.narrow(0, first, plan.key_ends[s] - first),
                    sliding_window);
  }
  return largest;
}

torch::Tensor varlen_attention(const torch::Tensor& q,
                               const VarlenKeys& keys,
                               std::optional<int64_t> sliding_window,
                               const VarlenPlan& plan) {
  const FlashWindow window(sliding_window);
  return std::get<0>(at::_flash_attention_forward(q,
                                                  keys.keys,
                                                  keys.values,
                                                  plan.query_starts,
                                                  plan.key_starts,
                                                  plan.longest_query,
                                                  plan.longest_key,
                                                  /*dropout_p=*/0.0,
                                                  /*is_causal=*/true,
                                                  /*return_debug_mask=*/false,
                                                  /*scale=*/std::nullopt,
                                                  window.left,
                                                  window.right));
}

}  // namespace retmask
