#include "retmask/kernels/sequence_attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "float_product.h"
#include "simd.h"
#include "softmax_row.h"

namespace retmask::kernels {
namespace {

// Queries per block: their scores with all keys stay in the cache.
constexpr int64_t kQueries = 32;
// Keys per transposed panel.
constexpr int64_t kPanelKeys = 64;

constexpr int64_t padded(int64_t keys) { return (keys + kPanelKeys - 1) / kPanelKeys * kPanelKeys; }

// Converts `count` rows of `width` elements to contiguous float32 rows, times `scale`.
RETMASK_SIMD_CLONES void widen_rows(
    Rows<const float> from, int64_t count, int64_t width, float scale, float* to) {
  for (int64_t row = 0; row < count; ++row, to += width)
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) to[i] = scale * from.data[row * from.stride + i];
}
RETMASK_SIMD_CLONES void widen_rows(
    Rows<const BFloat16> from, int64_t count, int64_t width, float scale, float* to) {
  for (int64_t row = 0; row < count; ++row, to += width)
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) to[i] = scale * widen(from.data[row * from.stride + i]);
}

// The inverse of widen_rows.
RETMASK_SIMD_CLONES void narrow_rows(
    const float* from, int64_t count, int64_t width, float scale, Rows<float> to) {
  for (int64_t row = 0; row < count; ++row, from += width)
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) to.data[row * to.stride + i] = scale * from[i];
}
RETMASK_SIMD_CLONES void narrow_rows(
    const float* from, int64_t count, int64_t width, float scale, Rows<BFloat16> to) {
  for (int64_t row = 0; row < count; ++row, from += width)
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) narrow(scale * from[i], to.data[row * to.stride + i]);
}

// x [tokens, dim] -> panels of kPanelKeys tokens, each transposed: [dim, kPanelKeys]. Columns of
// the last panel beyond the tokens are uninitialised; their scores are never read.
void transpose_panels(const float* x, int64_t tokens, int64_t dim, float* panels) {
  for (int64_t first = 0; first < tokens; first += kPanelKeys, panels += kPanelKeys * dim) {
    const int64_t count = std::min(kPanelKeys, tokens - first);
    for (int64_t i = 0; i < dim; ++i) {
      float* row = panels + i * kPanelKeys;
      for (int64_t key = 0; key < count; ++key) row[key] = x[(first + key) * dim + i];
    }
  }
}

// For one query: scores become weights, dweights become dscores = weight * (dweight - pull).
RETMASK_SIMD_CLONES void score_gradients(
    float* scores, float* gradients, int64_t count, float log_sum, float pull) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    scores[i] = fast_exp(scores[i] - log_sum);
    gradients[i] = scores[i] * (gradients[i] - pull);
  }
}

RETMASK_SIMD_CLONES float dot(const float* a, const float* b, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// Queries [first, end), and the panels of keys that at least one of them sees.
struct Block {
  int64_t first;
  int64_t end;
  int64_t first_key;  // of the first panel; the last key belongs to the last query
  int64_t width;      // keys in whole panels: the row stride of the scores
  int64_t window;

  Block(const SequenceShape& shape, int64_t query)
      : first(query),
        end(std::min(query + kQueries, shape.tokens)),
        first_key(std::max<int64_t>(0, query + 1 - shape.window) / kPanelKeys * kPanelKeys),
        width(padded(end - first_key)),
        window(shape.window) {}

  int64_t queries() const { return end - first; }
  int64_t keys() const { return end - first_key; }
  // Keys visible to a query, counted from first_key.
  int64_t first_visible(int64_t query) const {
    return std::max<int64_t>(0, query + 1 - window - first_key);
  }
  int64_t end_visible(int64_t query) const { return query + 1 - first_key; }
};

// Allocates from the scratch buffer.
class Workspace {
 public:
  Workspace(std::vector<float>& scratch, int64_t size) {
    if (static_cast<int64_t>(scratch.size()) < size) scratch.resize(static_cast<size_t>(size));
    next_ = scratch.data();
  }
  float* take(int64_t size) { return std::exchange(next_, next_ + size); }

 private:
  float* next_ = nullptr;
};

// x [queries, D] times every key (or value) of the panels of the block: [queries, width].
void multiply_panels(
    const Block& block, const float* x, int64_t dim, const float* panels, float* products) {
  for (int64_t key = 0; key < block.width; key += kPanelKeys) {
    multiply({.m = block.queries(),
              .n = kPanelKeys,
              .k = dim,
              .a = x,
              .a_row = dim,
              .a_column = 1,
              .b = panels + (block.first_key + key) * dim,
              .b_row = kPanelKeys,
              .c = products + key,
              .c_row = block.width});
  }
}

// weights [queries, width] times the keys (or values) of the block in rows [T, D]: [queries, D].
void multiply_rows(
    const Block& block, const float* weights, int64_t dim, const float* rows, float* sums) {
  multiply({.m = block.queries(),
            .n = dim,
            .k = block.keys(),
            .a = weights,
            .a_row = block.width,
            .a_column = 1,
            .b = rows + block.first_key * dim,
            .b_row = dim,
            .c = sums,
            .c_row = dim});
}

// Adds transposed weights times x [queries, D] to the keys of the block in rows [T, D].
void add_to_rows(
    const Block& block, const float* weights, int64_t dim, const float* x, float* rows) {
  multiply({.m = block.keys(),
            .n = dim,
            .k = block.queries(),
            .a = weights,
            .a_row = 1,
            .a_column = block.width,
            .b = x,
            .b_row = dim,
            .c = rows + block.first_key * dim,
            .c_row = dim,
            .add = true});
}

void clear_hidden(const Block& block, int64_t query, float* row) {
  std::fill_n(row, block.first_visible(query), 0.0F);
  std::fill(row + block.end_visible(query), row + block.keys(), 0.0F);
}

float score_scale(const SequenceShape& shape) {
  return 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
}

template <typename Element>
Rows<Element> part(const Rows<Element>& rows, int64_t token, int64_t offset) {
  return {rows.data + token * rows.stride + offset, rows.stride};
}

template <typename Element>
void attend_group(const SequenceAttention<Element>& a, std::vector<float>& scratch) {
  const auto [tokens, group, dim, window] = a.shape;
  const int64_t keys = padded(tokens);
  Workspace workspace(scratch, 2 * keys * dim + 2 * kQueries * dim + kQueries * keys);
  float* key_panels = workspace.take(keys * dim);
  float* values = workspace.take(keys * dim);
  float* q = workspace.take(kQueries * dim);
  float* sums = workspace.take(kQueries * dim);
  float* weights = workspace.take(kQueries * keys);

  widen_rows(a.k, tokens, dim, 1.0F, values);  // the keys, until they are transposed
  transpose_panels(values, tokens, dim, key_panels);
  widen_rows(a.v, tokens, dim, 1.0F, values);
  for (int64_t head = 0; head < group; ++head) {
    for (int64_t query = 0; query < tokens; query += kQueries) {
      const Block block(a.shape, query);
      widen_rows(part(a.q, query, head * dim), block.queries(), dim, score_scale(a.shape), q);
      multiply_panels(block, q, dim, key_panels, weights);
      float sums_of_weights[kQueries];
      for (int64_t i = block.first; i < block.end; ++i) {
        float* row = weights + (i - block.first) * block.width;
        const int64_t first = block.first_visible(i);
        const auto [largest, sum] = exponentiate(row + first, block.end_visible(i) - first);
        part(a.log_sums, i, head).data[0] = largest + std::log(sum);
        sums_of_weights[i - block.first] = sum;
        clear_hidden(block, i, row);
      }
      multiply_rows(block, weights, dim, values, sums);
      for (int64_t i = block.first; i < block.end; ++i) {
        narrow_rows(sums + (i - block.first) * dim,
                    1,
                    dim,
                    1.0F / sums_of_weights[i - block.first],
                    part(a.out, i, head * dim));
      }
    }
  }
}

template <typename Element>
void attend_group_backward(const SequenceAttentionGradient<Element>& a,
                           std::vector<float>& scratch) {
  const auto [tokens, group, dim, window] = a.shape;
  const int64_t rows = padded(tokens) * dim;
  const int64_t block_rows = kQueries * dim;
  const int64_t block_keys = kQueries * padded(tokens);
  Workspace workspace(scratch, 5 * rows + 4 * block_rows + 2 * block_keys);
  float* keys = workspace.take(rows);
  float* key_panels = workspace.take(rows);
  float* value_panels = workspace.take(rows);
  float* dk = workspace.take(rows);
  float* dv = workspace.take(rows);
  float* q = workspace.take(block_rows);
  float* out = workspace.take(block_rows);
  float* dout = workspace.take(block_rows);
  float* dq = workspace.take(block_rows);
  float* weights = workspace.take(block_keys);
  float* gradients = workspace.take(block_keys);

  widen_rows(a.v, tokens, dim, 1.0F, keys);  // the values, until they are transposed
  transpose_panels(keys, tokens, dim, value_panels);
  widen_rows(a.k, tokens, dim, 1.0F, keys);
  transpose_panels(keys, tokens, dim, key_panels);
  std::fill_n(dk, rows, 0.0F);
  std::fill_n(dv, rows, 0.0F);
  const float scale = score_scale(a.shape);
  for (int64_t head = 0; head < group; ++head) {
    for (int64_t query = 0; query < tokens; query += kQueries) {
      const Block block(a.shape, query);
      const int64_t count = block.queries();
      widen_rows(part(a.q, query, head * dim), count, dim, scale, q);
      widen_rows(part(a.out, query, head * dim), count, dim, 1.0F, out);
      widen_rows(part(a.dout, query, head * dim), count, dim, 1.0F, dout);
      multiply_panels(block, q, dim, key_panels, weights);
      multiply_panels(block, dout, dim, value_panels, gradients);
      for (int64_t i = block.first; i < block.end; ++i) {
        const int64_t at = (i - block.first) * block.width;
        const int64_t first = block.first_visible(i);
        score_gradients(weights + at + first,
                        gradients + at + first,
                        block.end_visible(i) - first,
                        part(a.log_sums, i, head).data[0],
                        dot(dout + (i - block.first) * dim, out + (i - block.first) * dim, dim));
        clear_hidden(block, i, weights + at);
        clear_hidden(block, i, gradients + at);
      }
      add_to_rows(block, weights, dim, dout, dv);
      add_to_rows(block, gradients, dim, q, dk);
      multiply_rows(block, gradients, dim, keys, dq);
      narrow_rows(dq, count, dim, scale, part(a.dq, query, head * dim));
    }
  }
  narrow_rows(dk, tokens, dim, 1.0F, a.dk);
  narrow_rows(dv, tokens, dim, 1.0F, a.dv);
}

}  // namespace

void attend(const SequenceAttention<float>& attention, std::vector<float>& scratch) {
  attend_group(attention, scratch);
}
void attend(const SequenceAttention<BFloat16>& attention, std::vector<float>& scratch) {
  attend_group(attention, scratch);
}
void attend_backward(const SequenceAttentionGradient<float>& gradient,
                     std::vector<float>& scratch) {
  attend_group_backward(gradient, scratch);
}
void attend_backward(const SequenceAttentionGradient<BFloat16>& gradient,
                     std::vector<float>& scratch) {
  attend_group_backward(gradient, scratch);
}

}  // namespace retmask::kernels
