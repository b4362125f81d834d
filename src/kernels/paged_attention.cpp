#include "retmask/kernels/paged_attention.h"

#include <algorithm>
#include <cmath>

#include "attention_work.h"
#include "avx512.h"
#include "paged_attention_avx512.h"
#include "simd.h"
#include "softmax_row.h"

namespace retmask::kernels {
namespace {

template <typename Element>
RETMASK_INLINE void score_rows(const Element* keys,
                               int64_t rows,
                               const AttentionWork<Element>& work,
                               int64_t position) {
  const int64_t dim = work.head_dim;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t head = 0; head < work.heads; ++head) {
      const Element* q = work.q + head * dim;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < dim; ++i) sum += widen(q[i]) * widen(keys[row * dim + i]);
      work.weights[head * work.count + position + row] = sum * work.scale;
    }
  }
}

template <typename Element>
RETMASK_INLINE void add_rows(const Element* values,
                             int64_t rows,
                             const AttentionWork<Element>& work,
                             int64_t position) {
  const int64_t dim = work.head_dim;
  for (int64_t head = 0; head < work.heads; ++head) {
    float* sums = work.sums + head * dim;
    const float* weights = work.weights + head * work.count + position;
    for (int64_t row = 0; row < rows; ++row) {
      const float weight = weights[row];
#pragma omp simd
      for (int64_t i = 0; i < dim; ++i) sums[i] += weight * widen(values[row * dim + i]);
    }
  }
}

RETMASK_SIMD_CLONES void score_rows_portable(const float* keys,
                                             int64_t rows,
                                             const AttentionWork<float>& work,
                                             int64_t position) {
  score_rows(keys, rows, work, position);
}
RETMASK_SIMD_CLONES void score_rows_portable(const BFloat16* keys,
                                             int64_t rows,
                                             const AttentionWork<BFloat16>& work,
                                             int64_t position) {
  score_rows(keys, rows, work, position);
}
RETMASK_SIMD_CLONES void add_rows_portable(const float* values,
                                           int64_t rows,
                                           const AttentionWork<float>& work,
                                           int64_t position) {
  add_rows(values, rows, work, position);
}
RETMASK_SIMD_CLONES void add_rows_portable(const BFloat16* values,
                                           int64_t rows,
                                           const AttentionWork<BFloat16>& work,
                                           int64_t position) {
  add_rows(values, rows, work, position);
}

RETMASK_SIMD_CLONES void multiply_row(float* row, int64_t count, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) row[i] *= factor;
}

// Maximum number of contiguous visible rows handled at once.
struct Stretch {
  static constexpr int64_t kMostRows = 16;
  int64_t rows;
  int64_t offset;  // of the first row, in elements
};

template <typename Element>
Stretch stretch_at(const PagedKeyValues<Element>& cache, int64_t token, int64_t key_value_head) {
  const int64_t row = token % cache.block_size;
  const int64_t block = cache.blocks[token / cache.block_size];
  const int64_t first =
      (block * cache.num_key_value_heads + key_value_head) * cache.block_size + row;
  return {std::min({Stretch::kMostRows, cache.block_size - row, cache.end - token}),
          first * cache.head_dim};
}

// Blocks are scattered, so the hardware cannot prefetch the next one.
template <typename Element>
void ask_for(const Element* rows, const Stretch& stretch, int64_t head_dim) {
  constexpr int64_t kCacheLine = 64;
  const auto* bytes = reinterpret_cast<const char*>(rows + stretch.offset);
  const int64_t size = stretch.rows * head_dim * static_cast<int64_t>(sizeof(Element));
  for (int64_t i = 0; i < size; i += kCacheLine) __builtin_prefetch(bytes + i);
}

// Calls visit(rows, count, position) for each run of rows; `position` counts from the first visible
// token.
template <typename Element, typename Visit>
void for_each_stretch(const PagedKeyValues<Element>& cache,
                      const Element* base,
                      int64_t key_value_head,
                      const Visit& visit) {
  Stretch stretch = stretch_at(cache, cache.first, key_value_head);
  for (int64_t token = cache.first; token < cache.end;) {
    const Stretch current = stretch;
    const int64_t next = token + current.rows;
    if (next < cache.end) {
      stretch = stretch_at(cache, next, key_value_head);
      ask_for(base, stretch, cache.head_dim);
    }
    visit(base + current.offset, current.rows, token - cache.first);
    token = next;
  }
}

template <typename Element>
void attend_group(const PagedKeyValues<Element>& cache,
                  const GroupQuery<Element>& query,
                  std::vector<float>& scratch) {
  const int64_t dim = cache.head_dim;
  const int64_t count = cache.end - cache.first;
  // A head that is off needs no work unless its largest key is requested.
  std::vector<int64_t> heads;
  for (int64_t g = 0; g < query.group; ++g) {
    const bool off = query.gate != nullptr && widen(query.gate[g]) == 0;
    if (off) std::fill_n(query.out + g * dim, dim, Element{});
    if (!off || query.largest_key != nullptr) heads.push_back(g);
  }
  const auto num_heads = static_cast<int64_t>(heads.size());
  scratch.assign(static_cast<size_t>(num_heads * dim), 0.0F);
  scratch.resize(static_cast<size_t>(num_heads * (dim + count)));
  std::vector<Element> packed_q;
  if (num_heads < query.group) {
    for (const int64_t g : heads)
      packed_q.insert(packed_q.end(), query.q + g * dim, query.q + (g + 1) * dim);
  }
  const AttentionWork<Element> work{.q = num_heads < query.group ? packed_q.data() : query.q,
                                    .weights = scratch.data() + num_heads * dim,
                                    .sums = scratch.data(),
                                    .heads = num_heads,
                                    .count = count,
                                    .head_dim = dim,
                                    .scale = 1.0F / std::sqrt(static_cast<float>(dim))};
  const bool fast = has_avx512<Element>() && dim % avx512::kHeadDimMultiple == 0;

  ask_for(cache.values, stretch_at(cache, cache.first, query.key_value_head), dim);
  for_each_stretch(cache, cache.keys, query.key_value_head, [&](auto* keys, auto n, auto at) {
    if (fast)
      avx512::score_rows(keys, n, work, at);
    else
      score_rows_portable(keys, n, work, at);
  });
  for (int64_t h = 0; h < num_heads; ++h) {
    float* row = work.weights + h * count;
    if (query.largest_key != nullptr)
      query.largest_key[heads[h]] = cache.first + (std::max_element(row, row + count) - row);
    multiply_row(row, count, 1.0F / exponentiate(row, count).sum);
  }
  for_each_stretch(cache, cache.values, query.key_value_head, [&](auto* values, auto n, auto at) {
    if (fast)
      avx512::add_rows(values, n, work, at);
    else
      add_rows_portable(values, n, work, at);
  });
  for (int64_t h = 0; h < num_heads; ++h) {
    const float gate = query.gate != nullptr ? widen(query.gate[heads[h]]) : 1.0F;
    for (int64_t i = 0; i < dim; ++i)
      narrow(gate * work.sums[h * dim + i], query.out[heads[h] * dim + i]);
  }
}

}  // namespace

void attend(const PagedKeyValues<float>& cache,
            const GroupQuery<float>& query,
            std::vector<float>& scratch) {
  attend_group(cache, query, scratch);
}
void attend(const PagedKeyValues<BFloat16>& cache,
            const GroupQuery<BFloat16>& query,
            std::vector<float>& scratch) {
  attend_group(cache, query, scratch);
}

}  // namespace retmask::kernels
