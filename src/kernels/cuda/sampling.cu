#include <cfloat>

#include "launch.cuh"
#include "retmask/kernels/cuda/sampling.h"

namespace retmask::kernels::cuda {
namespace {

using Fixed = unsigned long long;  // the 64-bit type of atomicAdd

constexpr unsigned kAllLanes = 0xffffffffU;
constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / 32;
constexpr int kLaneTokens = 4;
constexpr int kChunk = 32 * kLaneTokens;   // adjacent tokens per partial sum
constexpr float kOne = 17592186044416.0F;  // 2^44
constexpr float kLog2E = 1.4426950408889634F;

// Digits of a token's rank, most significant first: 32 bits of the logit, 24 of the id.
constexpr int kDigitBits = 8;
constexpr int kBins = 1 << kDigitBits;
constexpr int kIdBits = 24;
constexpr int kRankBits = 32 + kIdBits;

struct Shared {
  float values[kWarps];
  int32_t ids[kWarps];
  double sums[kWarps];
  Fixed fixed_sums[kWarps];
  Fixed weights[kBins];
  int32_t counts[kBins];
  Fixed rank;
  Fixed rest;
  bool is_done;
};

// A row of logits. NaN counts as impossible.
struct Row {
  const float* logits;
  int32_t size;
  float largest;
  float scale;  // 1 / temperature, in log2

  __device__ float logit(int32_t id) const {
    const float value = logits[id] + 0.0F;  // -0 becomes 0
    return value == value ? value : -INFINITY;
  }
  __device__ Fixed weight(float logit) const {
    return __float2ull_rn(exp2f((logit - largest) * scale) * kOne);
  }
};

// More probable tokens have larger ranks; among equals the smaller id does. Ranks are unique.
__device__ Fixed rank_of(float logit, int32_t id) {
  const uint32_t bits = __float_as_uint(logit);
  const uint32_t ordered = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  const auto earlier = static_cast<uint32_t>((1 << kIdBits) - 1 - id);
  return static_cast<Fixed>(ordered) << kIdBits | earlier;
}

// Sums over all threads, returned to all threads. `slots` can be reused after the next barrier.
template <typename Value>
__device__ Value block_sum(Value value, Value* slots) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32] = value;
  __syncthreads();
  Value total = 0;
  for (int warp = 0; warp < kWarps; ++warp) total += slots[warp];
  return total;
}

// Index of the largest logit, the first of equals.
__device__ int32_t arg_max(const Row& row, Shared& shared) {
  float value = -INFINITY;
  int32_t id = INT32_MAX;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < row.size; i += kThreads) {
    const float candidate = row.logit(i);
    if (candidate > value) {
      value = candidate;
      id = i;
    }
  }
  const auto take = [&](float other, int32_t other_id) {
    if (other > value || (other == value && other_id < id)) {
      value = other;
      id = other_id;
    }
  };
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    const float other = __shfl_xor_sync(kAllLanes, value, distance);
    take(other, __shfl_xor_sync(kAllLanes, id, distance));
  }
  if (threadIdx.x % 32 == 0) {
    shared.values[threadIdx.x / 32] = value;
    shared.ids[threadIdx.x / 32] = id;
  }
  __syncthreads();
  for (int warp = 0; warp < kWarps; ++warp) take(shared.values[warp], shared.ids[warp]);
  return id;
}

// Radix descent over the ranks from `lowest` up: finds the rank of the last token of the shortest
// most probable sequence that has `wanted` tokens (kCount), or whose weights reach `wanted`. Tokens
// with a logit below `floor` are skipped: the caller knows that they come later.
template <bool kCount>
__device__ Fixed
last_kept(const Row& row, Fixed lowest, float floor, Fixed wanted, Shared& shared) {
  Fixed prefix = 0;
  Fixed mask = 0;
  Fixed rest = wanted;
  for (int shift = kRankBits - kDigitBits; shift >= 0; shift -= kDigitBits) {
    for (int bin = static_cast<int>(threadIdx.x); bin < kBins; bin += kThreads) {
      shared.weights[bin] = 0;
      shared.counts[bin] = 0;
    }
    __syncthreads();
    for (int32_t i = static_cast<int32_t>(threadIdx.x); i < row.size; i += kThreads) {
      const float logit = row.logit(i);
      if (logit < floor) continue;
      const Fixed rank = rank_of(logit, i);
      if (rank < lowest || (rank & mask) != prefix) continue;
      const auto bin = static_cast<int>(rank >> shift) & (kBins - 1);
      atomicAdd(&shared.counts[bin], 1);
      if (!kCount) atomicAdd(&shared.weights[bin], row.weight(logit));
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int last = 0;  // the lowest bin that is not empty, or the one in which `rest` is reached
      Fixed before = 0;
      Fixed sum = 0;
      for (int bin = kBins - 1; bin >= 0; --bin) {
        if (shared.counts[bin] == 0) continue;
        last = bin;
        before = sum;
        sum += kCount ? static_cast<Fixed>(shared.counts[bin]) : shared.weights[bin];
        if (sum >= rest) break;
      }
      shared.rank = prefix | static_cast<Fixed>(last) << shift;
      shared.rest = rest > before ? rest - before : 0;
      shared.is_done = shared.counts[last] <= 1 || sum <= rest;  // the whole bin is kept
    }
    __syncthreads();
    prefix = shared.rank;
    rest = shared.rest;
    if (shared.is_done) break;
    mask |= static_cast<Fixed>(kBins - 1) << shift;
  }
  return prefix;
}

// The lowest rank that top_k and top_p keep.
__device__ Fixed filter(const Row& row, int64_t top_k, double top_p, Shared& shared) {
  Fixed lowest = 0;
  if (top_k > 0 && top_k < row.size)
    lowest = last_kept<true>(row, 0, -INFINITY, static_cast<Fixed>(top_k), shared);
  if (!(top_p < 1)) return lowest;
  Fixed own = 0;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < row.size; i += kThreads) {
    const float logit = row.logit(i);
    if (rank_of(logit, i) >= lowest) own += row.weight(logit);
  }
  const Fixed total = block_sum(own, shared.fixed_sums);
  // Tokens so improbable that all together they weigh less than the part of the largest weight that
  // top_p drops are never kept. Skipping them saves most of the histogram's additions; one more
  // binary digit covers rounding.
  const auto share = static_cast<float>((1.0 - top_p) / static_cast<double>(row.size));
  const float floor = row.largest + (log2f(share) - 1.0F) / row.scale;
  const Fixed wanted = __double2ull_ru(top_p * static_cast<double>(total));
  return last_kept<false>(row, lowest, floor, wanted, shared);
}

// Inclusive prefix sums over the lanes.
__device__ Fixed lane_scan(Fixed value) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const Fixed other = __shfl_up_sync(kAllLanes, value, distance);
    if (lane >= distance) value += other;
  }
  return value;
}

struct Drawn {
  int32_t index;
  Fixed rest;  // of the target, after everything before the index
};

// One warp: the first index of [0, count) whose cumulative weight exceeds `target`, which must be
// below their sum. Each lane takes an equal contiguous range.
template <typename WeightOf>
__device__ Drawn draw(int32_t count, Fixed target, const WeightOf& weight_of) {
  const int32_t stretch = (count + 31) / 32;
  const int32_t begin = static_cast<int32_t>(threadIdx.x % 32) * stretch;
  const int32_t end = begin + stretch < count ? begin + stretch : count;
  Fixed own = 0;
  for (int32_t i = begin; i < end; ++i) own += weight_of(i);
  const Fixed through = lane_scan(own);
  const bool is_here = through > target && through - own <= target;
  Drawn drawn{0, 0};
  if (is_here) {
    drawn.rest = target - (through - own);
    drawn.index = begin;
    for (Fixed weight = weight_of(begin); drawn.rest >= weight; weight = weight_of(++drawn.index))
      drawn.rest -= weight;
  }
  const unsigned lanes = __ballot_sync(kAllLanes, is_here);
  const int lane = lanes != 0 ? __ffs(static_cast<int>(lanes)) - 1 : 0;
  drawn.index = __shfl_sync(kAllLanes, drawn.index, lane);
  drawn.rest = __shfl_sync(kAllLanes, drawn.rest, lane);
  return drawn;
}

// One thread block per row. Dynamic shared memory: one sum per chunk.
__global__ void __launch_bounds__(kThreads) sample_kernel(const SampleRows work) {
  auto* const chunk_sums = dynamic_shared<Fixed>();
  __shared__ Shared shared;
  const int64_t index = blockIdx.x;
  Row row{work.logits + index * work.vocab_size, static_cast<int32_t>(work.vocab_size), 0, 0};
  const int32_t best = arg_max(row, shared);
  if (best == INT32_MAX || row.logits[best] == INFINITY) {  // uniform across the block
    if (threadIdx.x == 0) {
      work.ids[index] = 0;
      work.logprobs[index] = NAN;
    }
    return;
  }
  row.largest = row.logit(best);
  const auto inverse_temperature = static_cast<float>(work.inverse_temperatures[index]);
  row.scale = inverse_temperature * kLog2E;
  const bool is_greedy = !(inverse_temperature > 0);

  Fixed lowest = 0;
  float floor = -INFINITY;
  if (!is_greedy) {
    lowest = filter(row, work.top_k[index], work.top_p[index], shared);
    const double min_p = work.min_p[index];
    if (min_p > 0) floor = static_cast<float>(row.largest + log(min_p) / inverse_temperature);
  }
  const auto kept_weight = [&](int32_t id) -> Fixed {
    const float logit = row.logit(id);
    return logit >= floor && rank_of(logit, id) >= lowest ? row.weight(logit) : 0;
  };

  const int lane = static_cast<int>(threadIdx.x % 32);
  const int32_t num_chunks = (row.size + kChunk - 1) / kChunk;
  Fixed own = 0;
  double untempered = 0;
  for (int32_t chunk = static_cast<int32_t>(threadIdx.x / 32); chunk < num_chunks;
       chunk += kWarps) {
    Fixed sum = 0;
    float plain = 0;
#pragma unroll
    for (int j = 0; j < kLaneTokens; ++j) {
      const int32_t id = chunk * kChunk + j * 32 + lane;
      if (id >= row.size) continue;
      plain += exp2f((row.logit(id) - row.largest) * kLog2E);
      if (!is_greedy) sum += kept_weight(id);
    }
    untempered += plain;
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
      sum += __shfl_xor_sync(kAllLanes, sum, distance);
    if (lane == 0) {
      chunk_sums[chunk] = sum;
      own += sum;
    }
  }
  // The barrier in block_sum() also orders the accesses to chunk_sums.
  const Fixed total = block_sum(own, shared.fixed_sums);
  const double untempered_total = block_sum(untempered, shared.sums);
  if (threadIdx.x >= 32) return;

  int32_t id = best;
  if (!is_greedy) {
    const auto target = static_cast<Fixed>(work.uniforms[index] * static_cast<double>(total));
    const Drawn chunk = draw(
        num_chunks, target < total ? target : total - 1, [&](int32_t i) { return chunk_sums[i]; });
    const int32_t begin = chunk.index * kChunk;
    const int32_t count = row.size - begin < kChunk ? row.size - begin : kChunk;
    id = begin + draw(count, chunk.rest, [&](int32_t i) { return kept_weight(begin + i); }).index;
  }
  if (lane != 0) return;
  work.ids[index] = id;
  work.logprobs[index] = static_cast<double>(row.logit(id)) - row.largest - log(untempered_total);
}

}  // namespace

void sample_rows(const SampleRows& work, Stream stream) {
  if (work.rows == 0) return;
  const auto chunks = static_cast<size_t>((work.vocab_size + kChunk - 1) / kChunk);
  launch(sample_kernel,
         static_cast<unsigned>(work.rows),
         kThreads,
         chunks * sizeof(Fixed),
         stream,
         work);
}

}  // namespace retmask::kernels::cuda
