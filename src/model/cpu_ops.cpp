#include "cpu_ops.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "cpu_dispatch.h"
#include "retmask/kernels/paged_attention.h"
#include "retmask/kernels/rows.h"

namespace retmask {
namespace {

// Elements that justify another thread.
constexpr int64_t kGrainElements = 8192;

int64_t rows_per_thread(int64_t width) { return std::max<int64_t>(1, kGrainElements / width); }

}  // namespace

torch::Tensor cpu_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  RETMASK_CHECK(x.dim() == 2 && x.stride(1) == 1);
  const int64_t width = x.size(1);
  torch::Tensor out = torch::empty({x.size(0), width}, x.options());
  with_element(x.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    at::parallel_for(0, x.size(0), rows_per_thread(width), [&](int64_t begin, int64_t end) {
      kernels::rms_norm(data_of<Element>(x) + begin * x.stride(0),
                        x.stride(0),
                        data_of<Element>(weight),
                        end - begin,
                        width,
                        static_cast<float>(eps),
                        mutable_data_of<Element>(out) + begin * width,
                        width);
    });
  });
  return out;
}

torch::Tensor cpu_silu_multiply(const torch::Tensor& gate_up) {
  const int64_t width = gate_up.size(1) / 2;
  torch::Tensor out = torch::empty({gate_up.size(0), width}, gate_up.options());
  with_element(gate_up.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    at::parallel_for(0, gate_up.size(0), rows_per_thread(width), [&](int64_t begin, int64_t end) {
      kernels::silu_multiply(data_of<Element>(gate_up) + begin * 2 * width,
                             end - begin,
                             width,
                             mutable_data_of<Element>(out) + begin * width);
    });
  });
  return out;
}

void cpu_rotate_heads(const torch::Tensor& heads,
                      const RmsNorm& norm,
                      QkNorm kind,
                      const Rotation& rotation) {
  const int64_t count = heads.size(1);
  const int64_t dim = heads.size(2);
  RETMASK_CHECK(heads.stride(2) == 1 && heads.stride(1) == dim);
  const float* cos = rotation.cos.const_data_ptr<float>();
  const float* sin = rotation.sin.const_data_ptr<float>();
  with_element(heads.scalar_type(), [&](auto element) {
    using Element = decltype(element);
    // Normalised in groups of the norm's width: one head, or all heads together.
    const int64_t width = kind == QkNorm::per_head ? dim : count * dim;
    const Element* weight = kind == QkNorm::none ? nullptr : data_of<Element>(norm->weight);
    const auto token = [&](int64_t t) {
      Element* x = mutable_data_of<Element>(heads) + t * heads.stride(0);
      if (weight != nullptr) {
        kernels::rms_norm(
            x, width, weight, count * dim / width, width, static_cast<float>(norm->eps), x, width);
      }
      kernels::rotate(x, count, dim, cos + t * dim / 2, sin + t * dim / 2, x, dim);
    };
    at::parallel_for(
        0, heads.size(0), rows_per_thread(count * dim), [&](int64_t begin, int64_t end) {
          for (int64_t t = begin; t < end; ++t) token(t);
        });
  });
}

void cpu_store_blocks(const ProjectedHeads& heads,
                      const KeyValueBlocks::Layer& cache,
                      const ForwardContext& context) {
  const int64_t kv_heads = cache.keys.size(1);
  const int64_t block_size = cache.keys.size(2);
  const int64_t row_bytes =
      cache.keys.size(3) * static_cast<int64_t>(torch::elementSize(cache.keys.scalar_type()));
  const int64_t token_bytes = heads.k.stride(0) * heads.k.element_size();
  const auto* blocks = data_of<int64_t>(context.token_blocks);
  const auto* rows = data_of<int64_t>(context.token_rows);
  const auto* sources = data_of<int64_t>(context.row_of_token);
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
      0, context.token_blocks.size(0), rows_per_thread(width), [&](int64_t begin, int64_t end) {
        for (int64_t token = begin; token < end; ++token) {
          store(heads.k, cache.keys, token);
          store(heads.v, cache.values, token);
        }
      });
}

void cpu_decode_attention(const torch::Tensor& q,
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

}  // namespace retmask
