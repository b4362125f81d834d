// The CPU's attention kernels alone, one JSON line per case.
//
//   attention_bench [--head-dim 64] [--group 3] [--key-value-heads 3] [--contexts 512,2048]
//   [--dtype bfloat16] [--threads 2] [--what decode,prefill,train]
//
// decode: one new token for each of so many sequences that their keys and values exceed the caches
// by far. prefill: a whole prompt. train: forward and backward pass of a sequence.
// share_of_limit is the least time for the bytes (keys and values once, from memory) or the
// operations, whichever is longer, over the time taken. The limits are measured first: reading
// memory, and a matrix product whose operands stay in the caches.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <numeric>
#include <thread>

#include "retmask/base/json.h"
#include "retmask/base/random.h"
#include "retmask/kernels/matmul.h"
#include "retmask/kernels/paged_attention.h"
#include "retmask/kernels/sequence_attention.h"

namespace retmask::kernels {
namespace {

struct BenchOptions {
  int64_t head_dim = 64;
  int64_t group = 3;
  int64_t key_value_heads = 3;
  std::vector<int64_t> contexts{512, 2048};
  std::string dtype = "bfloat16";
  int64_t threads = static_cast<int64_t>(std::thread::hardware_concurrency());
  std::vector<std::string> what{"decode", "prefill", "train"};
};

constexpr int64_t kMostBytes = int64_t{512} << 20;  // of keys and values
constexpr int kRuns = 5;

// Seconds of the fastest of some runs; the first is a warm-up.
double seconds(const std::function<void()>& run) {
  double fastest = 1e9;
  for (int i = 0; i <= kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    if (i > 0) fastest = std::min(fastest, time.count());
  }
  return fastest;
}

// Calls run(item) for each item, each on the next free thread.
void for_each(int64_t threads, int64_t items, const std::function<void(int64_t)>& run) {
  std::atomic<int64_t> next = 0;
  std::vector<std::thread> workers;
  for (int64_t t = 0; t < threads; ++t)
    workers.emplace_back([&] {
      for (int64_t i = next++; i < items; i = next++) run(i);
    });
  for (std::thread& worker : workers) worker.join();
}

template <typename Element>
std::vector<Element> random_elements(int64_t count) {
  RandomStream random(1, "attention");
  std::vector<Element> values(static_cast<size_t>(count));
  // Drawn once per 4096: drawing all would take longer than the benchmark.
  for (size_t i = 0; i < values.size(); ++i) {
    if (i < 4096)
      narrow(static_cast<float>(2 * random.uniform() - 1), values[i]);
    else
      values[i] = values[i - 4096];
  }
  return values;
}

struct Limits {
  double bytes_per_second;
  double flop_per_second;
};

template <typename Element>
Limits measure_limits(int64_t threads) {
  const std::vector<float> memory(static_cast<size_t>(kMostBytes) / sizeof(float), 1.0F);
  const int64_t part = static_cast<int64_t>(memory.size()) / (threads * 8);
  std::atomic<float> sink = 0;
  const double read = seconds([&] {
    for_each(threads, threads * 8, [&](int64_t i) {
      float sums[64] = {};
      const float* values = memory.data() + i * part;
      for (int64_t j = 0; j + 64 <= part; j += 64)
        for (int64_t k = 0; k < 64; ++k) sums[k] += values[j + k];
      sink = sink + sums[0];
    });
  });
  constexpr int64_t kRows = 96, kInputs = 512, kOutputs = 96, kTimes = 64;
  const auto x = random_elements<Element>(kRows * kInputs);
  const auto w = random_elements<Element>(kOutputs * kInputs);
  std::vector<Element> packed(static_cast<size_t>(packed_size(kOutputs, kInputs)));
  pack_rows(w.data(), 0, kOutputs, kInputs, packed.data());
  const double product = seconds([&] {
    for_each(threads, threads * kTimes, [&](int64_t) {
      thread_local std::vector<float> out(static_cast<size_t>(kRows * kOutputs));
      run_matmul(Matmul<Element, float>{.x = x.data(),
                                        .x_stride = kInputs,
                                        .rows = kRows,
                                        .k = kInputs,
                                        .n = kOutputs,
                                        .packed = packed.data(),
                                        .out = out.data(),
                                        .out_stride = kOutputs},
                 0,
                 kRows,
                 0,
                 num_panels(kOutputs));
    });
  });
  return {.bytes_per_second = static_cast<double>(memory.size() * sizeof(float)) / read,
          .flop_per_second =
              static_cast<double>(2 * kRows * kInputs * kOutputs * threads * kTimes) / product};
}

void print(const BenchOptions& options,
           const std::string& what,
           int64_t context,
           double time,
           double bytes,
           double flop,
           const Limits& limits) {
  const double least = std::max(bytes / limits.bytes_per_second, flop / limits.flop_per_second);
  std::cout << Json{{"bench", "attention"},
                    {"what", what},
                    {"dtype", options.dtype},
                    {"head_dim", options.head_dim},
                    {"group", options.group},
                    {"context", context},
                    {"threads", options.threads},
                    {"milliseconds", 1e3 * time},
                    {"gigabytes_per_second", 1e-9 * bytes / time},
                    {"gigaflop_per_second", 1e-9 * flop / time},
                    {"limit_gigabytes_per_second", 1e-9 * limits.bytes_per_second},
                    {"limit_gigaflop_per_second", 1e-9 * limits.flop_per_second},
                    {"share_of_limit", least / time}}
                   .dump()
            << std::endl;
}

template <typename Element>
void run_decode(const BenchOptions& options, int64_t context, const Limits& limits) {
  const int64_t dim = options.head_dim;
  const int64_t blocks = (context + kBlockTokens - 1) / kBlockTokens;
  const int64_t block_elements = options.key_value_heads * kBlockTokens * dim;
  const auto element = static_cast<int64_t>(sizeof(Element));
  const int64_t sequences =
      std::max(options.threads, kMostBytes / (2 * blocks * block_elements * element));
  const auto keys = random_elements<Element>(sequences * blocks * block_elements);
  const auto values = random_elements<Element>(sequences * blocks * block_elements);
  std::vector<int32_t> table(static_cast<size_t>(sequences * blocks));
  std::iota(table.begin(), table.end(), 0);
  RandomStream random(2, "blocks");
  shuffle(table, random);
  const auto q = random_elements<Element>(options.group * dim);
  const double time = seconds([&] {
    for_each(options.threads, sequences * options.key_value_heads, [&](int64_t item) {
      thread_local std::vector<float> scratch;
      thread_local std::vector<Element> out;
      out.resize(q.size());
      attend(
          PagedKeyValues<Element>{.keys = keys.data(),
                                  .values = values.data(),
                                  .num_key_value_heads = options.key_value_heads,
                                  .head_dim = dim,
                                  .blocks = table.data() + item / options.key_value_heads * blocks},
          GroupQueries<Element>{.q = q.data(),
                                .q_stride = options.group * dim,
                                .tokens = 1,
                                .position = context - 1,
                                .window = context,
                                .group = options.group,
                                .key_value_head = item % options.key_value_heads,
                                .out = out.data(),
                                .out_stride = options.group * dim},
          scratch);
    });
  });
  const auto tokens = static_cast<double>(sequences * options.key_value_heads * context * dim);
  print(options,
        "decode",
        context,
        time,
        2 * tokens * static_cast<double>(element),
        4 * tokens * static_cast<double>(options.group),
        limits);
}

// A prompt, or with `train` a sequence with its gradients: one per thread and key/value head.
template <typename Element>
void run_sequence(const BenchOptions& options, int64_t tokens, bool train, const Limits& limits) {
  const int64_t dim = options.head_dim;
  const int64_t row = options.group * dim;
  const auto q = random_elements<Element>(tokens * row);
  const auto k = random_elements<Element>(tokens * dim);
  const auto dout = random_elements<Element>(tokens * row);
  const SequenceShape shape{
      .tokens = tokens, .group = options.group, .head_dim = dim, .window = tokens};
  const int64_t items = options.threads * 2;
  const double time = seconds([&] {
    for_each(options.threads, items, [&](int64_t) {
      std::vector<float> scratch;
      std::vector<Element> out(q.size()), dq(q.size()), dk(k.size()), dv(k.size());
      std::vector<float> log_sums(static_cast<size_t>(tokens * options.group));
      attend(SequenceAttention<Element>{.shape = shape,
                                        .q = {q.data(), row},
                                        .k = {k.data(), dim},
                                        .v = {k.data(), dim},
                                        .out = {out.data(), row},
                                        .log_sums = {log_sums.data(), options.group}},
             scratch);
      if (!train) return;
      attend_backward(
          SequenceAttentionGradient<Element>{.shape = shape,
                                             .q = {q.data(), row},
                                             .k = {k.data(), dim},
                                             .v = {k.data(), dim},
                                             .out = {out.data(), row},
                                             .log_sums = {log_sums.data(), options.group},
                                             .dout = {dout.data(), row},
                                             .dq = {dq.data(), row},
                                             .dk = {dk.data(), dim},
                                             .dv = {dv.data(), dim}},
          scratch);
    });
  });
  // Half of the scores are visible; two products forward, five backward.
  const double products = train ? 7 : 2;
  const double flop = products * 2 * static_cast<double>(items * options.group * dim) * 0.5 *
                      static_cast<double>(tokens) * static_cast<double>(tokens + 1);
  print(options, train ? "train" : "prefill", tokens, time, 0, flop, limits);
}

template <typename Element>
void run(const BenchOptions& options) {
  const Limits limits = measure_limits<Element>(options.threads);
  for (const int64_t context : options.contexts) {
    for (const std::string& what : options.what) {
      if (what == "decode")
        run_decode<Element>(options, context, limits);
      else
        run_sequence<Element>(options, context, what == "train", limits);
    }
  }
}

}  // namespace
}  // namespace retmask::kernels

int main(int argc, char** argv) {
  retmask::kernels::BenchOptions options;
  CLI::App app("Speed of the CPU's attention kernels");
  app.add_option("--head-dim", options.head_dim, "Elements per head");
  app.add_option("--group", options.group, "Query heads per key/value head");
  app.add_option("--key-value-heads", options.key_value_heads, "Key/value heads");
  app.add_option("--contexts", options.contexts, "Tokens per sequence")->delimiter(',');
  app.add_option("--dtype", options.dtype, "float32 or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_option("--threads", options.threads, "Threads; default: all cores");
  app.add_option("--what", options.what, "decode, prefill, train")
      ->delimiter(',')
      ->check(CLI::IsMember({"decode", "prefill", "train"}));
  CLI11_PARSE(app, argc, argv);
  if (options.dtype == "float32")
    retmask::kernels::run<float>(options);
  else
    retmask::kernels::run<retmask::kernels::BFloat16>(options);
}
