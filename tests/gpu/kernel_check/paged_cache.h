#pragma once
// A paged KV cache with sequences of given lengths in shuffled blocks.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "gpu/kernel_check/device_array.h"
#include "retmask/kernels/cuda/decode_attention.h"

namespace retmask::testing {

struct CacheLayout {
  // lengths: tokens of each sequence, the new one included; 0: a padding row.
  CacheLayout(const std::vector<int64_t>& lengths, std::mt19937& random) {
    int64_t blocks = 1;  // one that nobody uses
    for (const int64_t length : lengths) {
      starts.push_back(blocks - 1);
      past.push_back(length - 1);
      blocks += (length + kernels::cuda::kBlockTokens - 1) / kernels::cuda::kBlockTokens;
    }
    table.resize(static_cast<size_t>(blocks));
    std::iota(table.begin(), table.end(), 0);
    std::shuffle(table.begin(), table.end(), random);
  }

  size_t blocks() const { return table.size(); }
  // Index of a token's first element in keys or values [blocks, heads, tokens, dim].
  size_t place(size_t sequence, int64_t token, int64_t heads, int64_t head, int64_t dim) const {
    constexpr int64_t kBlock = kernels::cuda::kBlockTokens;
    const int64_t block = table[static_cast<size_t>(starts[sequence] + token / kBlock)];
    return static_cast<size_t>(((block * heads + head) * kBlock + token % kBlock) * dim);
  }

  std::vector<int32_t> table;
  std::vector<int64_t> starts;
  std::vector<int64_t> past;
};

template <typename Element>
struct DeviceCache {
  DeviceCache(const CacheLayout& layout,
              const std::vector<Element>& in_keys,
              const std::vector<Element>& in_values)
      : keys(in_keys),
        values(in_values),
        table(layout.table),
        starts(layout.starts),
        past(layout.past) {}

  kernels::cuda::PagedCache<Element> view() {
    return {keys.data(), values.data(), table.data(), starts.data(), past.data()};
  }

  DeviceArray<Element> keys;
  DeviceArray<Element> values;
  DeviceArray<int32_t> table;
  DeviceArray<int64_t> starts;
  DeviceArray<int64_t> past;
};

}  // namespace retmask::testing
