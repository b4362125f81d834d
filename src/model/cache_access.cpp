#include "cache_access.h"

namespace retmask {
namespace {

using torch::indexing::Slice;

// [blocks, Hkv, P, D], a sequence's own blocks -> its first `count` tokens [count, Hkv, D].
torch::Tensor gather(const torch::Tensor& cache, const torch::Tensor& blocks, int64_t count) {
  return cache.index_select(0, blocks).transpose(1, 2).flatten(0, 1).narrow(0, 0, count);
}

}  // namespace

void store_keys(const torch::Tensor& k,
                const torch::Tensor& v,
                int64_t layer,
                const ForwardContext& context) {
  KeyValueBlocks::Layer cache = (*context.batch.cache->layers)[static_cast<size_t>(layer)];
  const CacheSlots& slots = context.slots;
  const auto for_all = [&](const torch::Tensor& x) {
    return slots.batch_rows.defined() ? x.index_select(0, slots.batch_rows) : x;
  };
  // Two index tensors around a slice: the indexed view is [T, Hkv, D].
  cache.keys.index_put_({slots.blocks, Slice(), slots.rows}, for_all(k));
  cache.values.index_put_({slots.blocks, Slice(), slots.rows}, for_all(v));
}

SequenceKeys sequence_keys(const torch::Tensor& k,
                           const torch::Tensor& v,
                           int64_t layer,
                           size_t s,
                           int64_t start,
                           const PackedBatch& batch) {
  const int64_t length = batch.lengths[s];
  const int64_t past = batch.past.empty() ? 0 : batch.past[s];
  if (past == 0) return {k.narrow(0, start, length), v.narrow(0, start, length)};
  const KeyValueBlocks& cache = *batch.cache;
  const int64_t count = past + length;
  const torch::Tensor blocks = cache.block_tables[static_cast<int64_t>(s)]
                                   .narrow(0, 0, (count + cache.block_size - 1) / cache.block_size)
                                   .to(k.device(), torch::kInt64);
  const KeyValueBlocks::Layer& own = (*cache.layers)[static_cast<size_t>(layer)];
  return {gather(own.keys, blocks, count), gather(own.values, blocks, count)};
}

}  // namespace retmask
