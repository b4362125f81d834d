#include "cpu_layer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "cache_access.h"
#include "cpu_dispatch.h"
#include "cpu_ops.h"
#include "prepared_matrix.h"
#include "retmask/kernels/paged_attention.h"

namespace retmask {
namespace {

// store_keys, without intermediate copies.
void store_in_blocks(const ProjectedHeads& heads,
                     const KeyValueBlocks::Layer& cache,
                     const CacheSlots& slots) {
  const int64_t kv_heads = cache.keys.size(1);
  const int64_t block_size = cache.keys.size(2);
  const int64_t row_bytes =
      cache.keys.size(3) * static_cast<int64_t>(torch::elementSize(cache.keys.scalar_type()));
  const int64_t token_bytes = heads.k.stride(0) * heads.k.element_size();
  const auto* blocks = data_of<int64_t>(slots.blocks);
  const auto* rows = data_of<int64_t>(slots.rows);
  const auto* sources = data_of<int64_t>(slots.batch_rows);
  const auto store = [&](const torch::Tensor& from, const torch::Tensor& to, int64_t token) {
    const char* source =
        data_of<char>(from) + (sources != nullptr ? sources[token] : token) * token_bytes;
    char* block = mutable_data_of<char>(to) + blocks[token] * kv_heads * block_size * row_bytes;
    for (int64_t head = 0; head < kv_heads; ++head) {
      std::memcpy(block + (head * block_size + rows[token]) * row_bytes,
                  source + head * row_bytes,
                  static_cast<size_t>(row_bytes));
    }
  };
  const int64_t width = 2 * kv_heads * cache.keys.size(3);
  at::parallel_for(
      0, slots.blocks.size(0), rows_per_thread(width), [&](int64_t begin, int64_t end) {
        for (int64_t token = begin; token < end; ++token) {
          store(heads.k, cache.keys, token);
          store(heads.v, cache.values, token);
        }
      });
}

// Attention of each sequence with exactly one new token over its cache blocks, read in place, all
// at once. Writes that token's row of output [T, H, D]; other rows are untouched. q [T, H, D], rows
// may be strided. gate [S, H] and largest [S, H] int64 may be undefined.
void attend_to_blocks(const torch::Tensor& q,
                      const PackedBatch& batch,
                      const KeyValueBlocks::Layer& cache,
                      std::optional<int64_t> sliding_window,
                      const torch::Tensor& gate,
                      const torch::Tensor& output,
                      const torch::Tensor& largest) {
  const int64_t num_heads = q.size(1);
  const int64_t dim = q.size(2);
  const int64_t kv_heads = cache.keys.size(1);
  const int64_t group = num_heads / kv_heads;
  RETMASK_CHECK(q.stride(2) == 1 && q.stride(1) == dim);
  const torch::Tensor& tables = batch.cache->block_tables;

  struct Decoding {
    int64_t sequence;
    int64_t row;  // row of q
  };
  std::vector<Decoding> decoding;
  int64_t row = 0;
  for (size_t s = 0; s < batch.lengths.size(); row += batch.lengths[s++]) {
    if (batch.lengths[s] == 1) decoding.push_back({static_cast<int64_t>(s), row});
  }
  const auto items = static_cast<int64_t>(decoding.size()) * kv_heads;
  with_element(q.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    at::parallel_for(0, items, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
      std::vector<float> scratch;
      for (int64_t item = begin; item < end; ++item) {
        const auto [s, q_row] = decoding[static_cast<size_t>(item / kv_heads)];
        const int64_t kv_head = item % kv_heads;
        const int64_t num_keys = batch.past[static_cast<size_t>(s)] + 1;
        const kernels::PagedKeyValues<Element> keys{
            .keys = data_of<Element>(cache.keys),
            .values = data_of<Element>(cache.values),
            .num_key_value_heads = kv_heads,
            .block_size = batch.cache->block_size,
            .head_dim = dim,
            .blocks = tables.const_data_ptr<int32_t>() + s * tables.stride(0),
            .first = std::max<int64_t>(0, num_keys - sliding_window.value_or(num_keys)),
            .end = num_keys};
        const int64_t head = kv_head * group;
        kernels::attend(
            keys,
            kernels::GroupQuery<Element>{
                .q = data_of<Element>(q) + q_row * q.stride(0) + head * dim,
                .group = group,
                .key_value_head = kv_head,
                .gate = gate.defined() ? data_of<Element>(gate) + s * num_heads + head : nullptr,
                .out = mutable_data_of<Element>(output) + (q_row * num_heads + head) * dim,
                .largest_key = largest.defined()
                                   ? mutable_data_of<int64_t>(largest) + s * num_heads + head
                                   : nullptr},
            scratch);
      }
    });
  });
}

class CpuLayer : public DecoderLayer {
 public:
  CpuLayer(const LayerShape& shape, const LayerParameters& parameters)
      : DecoderLayer(shape, parameters), weights_(parameters) {}

  torch::Tensor normalize(const torch::Tensor& x, const RmsNorm& norm) const override {
    return cpu_rms_norm(x, norm->weight, norm->eps);
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
    const auto window = shape_.sliding_window;
    const torch::Tensor gate =  // [S, H] or undefined
        batch.gate != nullptr ? batch.gate->layer(shape_.layer) : torch::Tensor();
    const torch::Tensor output = torch::empty(heads.q.sizes(), heads.q.options());  // [T, H, D]
    torch::Tensor largest;
    if (batch.probe != nullptr)
      largest = unknown_keys(batch, shape_.num_attention_heads, torch::kCPU);
    if (batch.cache != nullptr) {
      const auto& cache = (*batch.cache->layers)[static_cast<size_t>(shape_.layer)];
      store_in_blocks(heads, cache, context.slots);
      attend_to_blocks(heads.q, batch, cache, window, gate, output, largest);
    }
    int64_t start = 0;
    for (size_t s = 0; s < batch.lengths.size(); start += batch.lengths[s++]) {
      if (batch.cache != nullptr && batch.lengths[s] == 1) continue;
      const torch::Tensor q = heads.q.narrow(0, start, batch.lengths[s]);
      const SequenceKeys keys = sequence_keys(heads.k, heads.v, shape_.layer, s, start, batch);
      const auto row = static_cast<int64_t>(s);
      if (batch.probe != nullptr && batch.probe->wants(s))
        largest[row] = largest_key(q[-1], keys.keys, window);
      torch::Tensor attended = retmask::attention(q, keys.keys, keys.values, window);  // [t, H, D]
      if (gate.defined()) attended = attended * gate[row].unsqueeze(-1);
      output.narrow(0, start, batch.lengths[s]).copy_(attended);
    }
    if (batch.probe != nullptr) batch.probe->record(largest);
    return output.flatten(1);
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
