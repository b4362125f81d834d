// The decoder layer with CPU kernels on prepared weights.

#include <ATen/Parallel.h>

#include <algorithm>

#include "cpu_dispatch.h"
#include "cpu_ops.h"
#include "decoder_layer.h"
#include "prepared_matrix.h"
#include "retmask/kernels/paged_attention.h"

namespace retmask {
namespace {

// Keys and values of all sequences of a batch, in blocks as the kernels read them
// (kernels/attention_blocks.h).
struct BlockedKeyValues {
  torch::Tensor keys, values;  // [blocks, Hkv, P, D] elements
  torch::Tensor tables;        // [S, longest] int32
  CacheSlots slots;            // of the new tokens
};

// Temporary blocks for a batch without a cache.
BlockedKeyValues temporary_blocks(const std::vector<int64_t>& lengths, const torch::Tensor& k) {
  std::vector<int64_t> blocks;
  std::vector<int64_t> rows;
  std::vector<torch::Tensor> tables;
  int64_t num_blocks = 0;
  for (const int64_t length : lengths) {
    for (int64_t i = 0; i < length; ++i) {
      blocks.push_back(num_blocks + i / kernels::kBlockTokens);
      rows.push_back(i % kernels::kBlockTokens);
    }
    const int64_t end = num_blocks + (length + kernels::kBlockTokens - 1) / kernels::kBlockTokens;
    tables.push_back(torch::arange(num_blocks, end, torch::kInt32));
    num_blocks = end;
  }
  const torch::Tensor keys =
      torch::empty({num_blocks, k.size(1), kernels::kBlockTokens, k.size(2)}, k.options());
  return {
      .keys = keys,
      .values = torch::empty_like(keys),
      .tables = torch::pad_sequence(tables, /*batch_first=*/true),
      .slots = {.blocks = torch::tensor(blocks), .rows = torch::tensor(rows), .batch_rows = {}}};
}

BlockedKeyValues blocks_of(const ForwardContext& context, int64_t layer, const torch::Tensor& k) {
  const PackedBatch& batch = context.batch;
  if (batch.cache == nullptr) return temporary_blocks(batch.lengths, k);
  RETMASK_CHECK(batch.cache->block_size == kernels::kBlockTokens);
  const KeyValueBlocks::Layer& cache = (*batch.cache->layers)[static_cast<size_t>(layer)];
  return {cache.keys, cache.values, batch.cache->block_tables, context.slots};
}

void store_in_blocks(const ProjectedHeads& heads, const BlockedKeyValues& to) {
  const int64_t kv_heads = heads.k.size(1);
  const int64_t dim = heads.k.size(2);
  const int64_t count = to.slots.blocks.size(0);
  const auto* blocks = data_of<int64_t>(to.slots.blocks);
  const auto* rows = data_of<int64_t>(to.slots.rows);
  const auto* sources = data_of<int64_t>(to.slots.batch_rows);
  with_element(heads.k.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    const auto* k = data_of<Element>(heads.k);
    const auto* v = data_of<Element>(heads.v);
    auto* keys = mutable_data_of<Element>(to.keys);
    auto* values = mutable_data_of<Element>(to.values);
    const auto store = [&](int64_t token) {
      const int64_t source = sources != nullptr ? sources[token] : token;
      const bool is_followed = token + 1 < count && blocks[token + 1] == blocks[token] &&
                               rows[token + 1] == rows[token] + 1;
      for (int64_t head = 0; head < kv_heads; ++head) {
        const int64_t block = (blocks[token] * kv_heads + head) * kernels::kBlockTokens * dim;
        kernels::store_key(
            k + source * heads.k.stride(0) + head * dim, rows[token], dim, keys + block);
        kernels::store_value(
            v + source * heads.v.stride(0) + head * dim, rows[token], dim, values + block);
        if (!is_followed) kernels::end_values(rows[token], dim, values + block);
      }
    };
    at::parallel_for(
        0, count, rows_per_thread(2 * kv_heads * dim), [&](int64_t begin, int64_t end) {
          for (int64_t token = begin; token < end; ++token) store(token);
        });
  });
}

// The inverse of store_in_blocks for one sequence: all that it has stored, in order.
SequenceKeys blocked_keys(int64_t layer, size_t s, const PackedBatch& batch) {
  constexpr int64_t block_tokens = kernels::kBlockTokens;
  const int64_t count = batch.past[s] + batch.lengths[s];
  const torch::Tensor blocks = batch.cache->block_tables[static_cast<int64_t>(s)].narrow(
      0, 0, (count + block_tokens - 1) / block_tokens);
  const KeyValueBlocks::Layer& cache = (*batch.cache->layers)[static_cast<size_t>(layer)];
  const torch::Tensor keys = cache.keys.index_select(0, blocks);  // [blocks, Hkv, P, D] elements
  const torch::Tensor values = cache.values.index_select(0, blocks);
  const int64_t kv_heads = keys.size(1);
  const int64_t dim = keys.size(3);
  const int64_t pair = keys.element_size() == 2 ? 2 : 1;  // kernels::kPair
  const auto in_order =
      [&](const torch::Tensor& x) {  // [blocks, tokens.., Hkv, D..] -> [K, Hkv, D]
        return x.reshape({-1, kv_heads, dim}).narrow(0, 0, count);
      };
  return {
      .keys = in_order(
          keys.view({-1, kv_heads, dim / pair, block_tokens, pair}).permute({0, 3, 1, 2, 4})),
      .values = in_order(
          values.view({-1, kv_heads, block_tokens / pair, dim, pair}).permute({0, 2, 4, 1, 3}))};
}

// New tokens of one sequence and key/value head that a thread attends at once. With any group of
// query heads they fill whole tiles of the kernel.
constexpr int64_t kTokensPerTask = 32;

struct AttentionTask {
  size_t sequence;
  int64_t row;    // of the batch
  int64_t begin;  // tokens of the sequence's new ones
  int64_t end;
};

// Tasks that take longest first, so that none is left for the end.
std::vector<AttentionTask> attention_tasks(const PackedBatch& batch) {
  std::vector<AttentionTask> tasks;
  int64_t row = 0;
  for (size_t s = 0; s < batch.lengths.size(); row += batch.lengths[s++]) {
    for (int64_t begin = 0; begin < batch.lengths[s]; begin += kTokensPerTask)
      tasks.push_back({s, row + begin, begin, std::min(begin + kTokensPerTask, batch.lengths[s])});
  }
  const auto cost = [&](const AttentionTask& task) {
    const int64_t past = batch.past.empty() ? 0 : batch.past[task.sequence];
    return (task.end - task.begin) * (past + task.end);
  };
  std::stable_sort(
      tasks.begin(), tasks.end(), [&](const auto& a, const auto& b) { return cost(a) > cost(b); });
  return tasks;
}

// Attention of the new tokens, whose keys and values are in `cache`. q [T, H, D], rows may be
// strided. gate [S, H] and largest [S, H] int64 may be undefined.
torch::Tensor attend_to_blocks(const torch::Tensor& q,
                               const PackedBatch& batch,
                               const BlockedKeyValues& cache,
                               std::optional<int64_t> sliding_window,
                               const torch::Tensor& gate,
                               const torch::Tensor& largest) {
  const int64_t num_heads = q.size(1);
  const int64_t dim = q.size(2);
  const int64_t kv_heads = cache.keys.size(1);
  const int64_t group = num_heads / kv_heads;
  RETMASK_CHECK(q.stride(2) == 1 && q.stride(1) == dim);
  const torch::Tensor output = torch::empty(q.sizes(), q.options());  // [T, H, D]
  const std::vector<AttentionTask> tasks = attention_tasks(batch);
  const auto items = static_cast<int64_t>(tasks.size()) * kv_heads;
  with_element(q.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    run_tasks(items, [&](int64_t item, std::vector<float>& scratch) {
      const AttentionTask& task = tasks[static_cast<size_t>(item / kv_heads)];
      const auto s = static_cast<int64_t>(task.sequence);
      const int64_t past = batch.past.empty() ? 0 : batch.past[task.sequence];
      const int64_t head = item % kv_heads * group;
      const bool is_last = task.end == batch.lengths[task.sequence];
      const bool is_probed = largest.defined() && is_last && batch.probe->wants(task.sequence);
      kernels::attend(
          kernels::PagedKeyValues<Element>{
              .keys = data_of<Element>(cache.keys),
              .values = data_of<Element>(cache.values),
              .num_key_value_heads = kv_heads,
              .head_dim = dim,
              .blocks = cache.tables.const_data_ptr<int32_t>() + s * cache.tables.stride(0)},
          kernels::GroupQueries<Element>{
              .q = data_of<Element>(q) + task.row * q.stride(0) + head * dim,
              .q_stride = q.stride(0),
              .tokens = task.end - task.begin,
              .position = past + task.begin,
              .window = sliding_window.value_or(past + task.end),
              .group = group,
              .key_value_head = item % kv_heads,
              .gate = gate.defined() ? data_of<Element>(gate) + s * num_heads + head : nullptr,
              .out = mutable_data_of<Element>(output) + (task.row * num_heads + head) * dim,
              .out_stride = num_heads * dim,
              .largest_key =
                  is_probed ? mutable_data_of<int64_t>(largest) + s * num_heads + head : nullptr},
          scratch);
    });
  });
  return output;
}

class CpuLayer : public DecoderLayer {
 public:
  CpuLayer(const LayerShape& shape, const LayerParameters& parameters)
      : DecoderLayer(shape, parameters), weights_(parameters) {}

  torch::Tensor normalize(const torch::Tensor& x, const RmsNorm& norm) const override {
    return cpu_rms_norm(x, norm->weight, norm->eps);
  }

  torch::Tensor project_onto_heads(const torch::Tensor& u) const override {
    return weights_.output.multiply_transposed(u);
  }

 private:
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& norm,
                         const ForwardContext& context) const override {
    const torch::Tensor input = normalize_input(x, norm);
    ProjectedHeads heads;
    {
      const ScopedTimer timer(context.linear_seconds());
      heads = split_heads(weights_.qkv.multiply(input), shape_);
    }
    const ScopedTimer timer(context.attention_seconds());
    cpu_rotate_heads(heads.q, q_norm_, shape_.qk_norm, rotation(context));
    cpu_rotate_heads(heads.k, k_norm_, shape_.qk_norm, rotation(context));
    return heads;
  }

  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const override {
    const PackedBatch& batch = context.batch;
    const torch::Tensor gate =  // [S, H] or undefined
        batch.gate != nullptr ? batch.gate->layer(shape_.layer) : torch::Tensor();
    torch::Tensor largest;
    if (batch.probe != nullptr)
      largest = unknown_keys(batch, shape_.num_attention_heads, torch::kCPU);
    const BlockedKeyValues blocks = blocks_of(context, shape_.layer, heads.k);
    store_in_blocks(heads, blocks);
    const torch::Tensor output =
        attend_to_blocks(heads.q, batch, blocks, shape_.sliding_window, gate, largest);
    if (batch.probe != nullptr) batch.probe->record(largest);
    return output.flatten(1);
  }

  SequenceKeys keys_of(const ProjectedHeads& heads,
                       size_t s,
                       int64_t start,
                       const PackedBatch& batch) const override {
    if (batch.past.empty() || batch.past[s] == 0)
      return DecoderLayer::keys_of(heads, s, start, batch);
    return blocked_keys(shape_.layer, s, batch);
  }

  torch::Tensor project_output(const torch::Tensor& attended,
                               const torch::Tensor& residual) const override {
    return weights_.output.multiply(attended, residual);
  }

  torch::Tensor mlp(const torch::Tensor& x,
                    const RmsNorm& norm,
                    const torch::Tensor& residual,
                    const ForwardContext& context) const override {
    const torch::Tensor input = normalize_input(x, norm);
    const ScopedTimer timer(context.linear_seconds());
    const torch::Tensor gate_up = weights_.gate_up.multiply(input);  // [T, 2 * intermediate]
    return weights_.down.multiply(cpu_silu_multiply(gate_up), residual);
  }

  const PreparedLayer weights_;
};

}  // namespace

std::shared_ptr<const DecoderLayer> make_cpu_layer(const LayerShape& shape,
                                                   const LayerParameters& parameters) {
  return std::make_shared<CpuLayer>(shape, parameters);
}

}  // namespace retmask
