#include "decode_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "retmask/base/error.h"

// One copy per instruction set, chosen when the program is loaded: the build must run on any
// x86-64.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define RETMASK_SIMD_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RETMASK_SIMD_CLONES
#endif

namespace retmask {
namespace {

float widen(float value) { return value; }
// bfloat16 is the upper half of a float32.
float widen(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <typename Element>
inline __attribute__((always_inline)) float dot_rows(const float* a,
                                                     const Element* b,
                                                     int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < size; ++i) sum += a[i] * widen(b[i]);
  return sum;
}

template <typename Element>
inline __attribute__((always_inline)) void add_scaled_row(float* sum,
                                                          float scale,
                                                          const Element* row,
                                                          int64_t size) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) sum[i] += scale * widen(row[i]);
}

RETMASK_SIMD_CLONES float dot(const float* a, const float* b, int64_t size) {
  return dot_rows(a, b, size);
}
RETMASK_SIMD_CLONES float dot(const float* a, const uint16_t* b, int64_t size) {
  return dot_rows(a, b, size);
}
RETMASK_SIMD_CLONES void add_scaled(float* sum, float scale, const float* row, int64_t size) {
  add_scaled_row(sum, scale, row, size);
}
RETMASK_SIMD_CLONES void add_scaled(float* sum, float scale, const uint16_t* row, int64_t size) {
  add_scaled_row(sum, scale, row, size);
}

struct Shape {
  int64_t num_heads;
  int64_t num_key_value_heads;
  int64_t head_dim;
  int64_t group() const { return num_heads / num_key_value_heads; }
};

// All query heads that share one key/value head of one sequence: each key row is read once for the
// whole group. q, out: [group, D] float32; keys, values: rows of this head, `stride` elements
// apart, `count` of them.
template <typename Element>
void attend_group(const float* q,
                  const Element* keys,
                  const Element* values,
                  int64_t count,
                  int64_t stride,
                  const Shape& shape,
                  std::vector<float>& weights,
                  float* out) {
  const int64_t group = shape.group();
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  weights.resize(static_cast<size_t>(group * count));
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t g = 0; g < group; ++g) {
      weights[g * count + i] =
          scale * dot(q + g * shape.head_dim, keys + i * stride, shape.head_dim);
    }
  }
  for (int64_t g = 0; g < group; ++g) {
    float* row = weights.data() + g * count;
    const float largest = *std::max_element(row, row + count);
    float total = 0;
    for (int64_t i = 0; i < count; ++i) total += row[i] = std::exp(row[i] - largest);
    for (int64_t i = 0; i < count; ++i) row[i] /= total;
  }
  std::fill(out, out + group * shape.head_dim, 0.0F);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t g = 0; g < group; ++g) {
      add_scaled(
          out + g * shape.head_dim, weights[g * count + i], values + i * stride, shape.head_dim);
    }
  }
}

// bfloat16 tensors are read as their bits.
template <typename Element>
const Element* data_of(const torch::Tensor& tensor) {
  return static_cast<const Element*>(tensor.const_data_ptr());
}

template <typename Element>
void attend_all(const torch::Tensor& q,
                const std::vector<KeyValueStore::Keys>& keys,
                std::optional<int64_t> sliding_window,
                torch::Tensor& out) {
  const int64_t kv_heads = keys[0].keys.size(1);
  const Shape shape{q.size(1), kv_heads, q.size(2)};
  const int64_t stride = kv_heads * shape.head_dim;
  const int64_t group_width = shape.group() * shape.head_dim;
  const auto* q_data = q.const_data_ptr<float>();
  auto* out_data = out.mutable_data_ptr<float>();
  at::parallel_for(0, q.size(0) * kv_heads, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    std::vector<float> weights;
    for (int64_t item = begin; item < end; ++item) {
      const auto& cached = keys[item / kv_heads];
      const int64_t head = item % kv_heads;
      const int64_t total = cached.keys.size(0);
      const int64_t count = std::min(total, sliding_window.value_or(total));
      const int64_t first = (total - count) * stride + head * shape.head_dim;
      attend_group(q_data + item * group_width,
                   data_of<Element>(cached.keys) + first,
                   data_of<Element>(cached.values) + first,
                   count,
                   stride,
                   shape,
                   weights,
                   out_data + item * group_width);
    }
  });
}

}  // namespace

torch::Tensor decode_attention_cpu(const torch::Tensor& q,
                                   const std::vector<KeyValueStore::Keys>& keys,
                                   std::optional<int64_t> sliding_window) {
  RETMASK_CHECK(q.size(0) == static_cast<int64_t>(keys.size()));
  for (const auto& cached : keys)
    RETMASK_CHECK(cached.keys.is_contiguous() && cached.values.is_contiguous());
  const torch::Tensor wide = q.to(torch::kFloat32).contiguous();
  torch::Tensor out = torch::empty_like(wide);
  if (q.scalar_type() == torch::kBFloat16) {
    attend_all<uint16_t>(wide, keys, sliding_window, out);
  } else {
    RETMASK_CHECK(q.scalar_type() == torch::kFloat32, "decode attention in ", q.scalar_type());
    attend_all<float>(wide, keys, sliding_window, out);
  }
  return out.to(q.scalar_type());
}

}  // namespace retmask
