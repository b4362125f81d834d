// Generation throughput and time breakdown, one JSON line per batch size.
//
//   generate_bench --model DIR [--batch-sizes 1,16,64] [--prompt-tokens 32] [--new-tokens 128]
//   [--dtype bfloat16] [--masked-heads 20]
//
// DIR may hold only a config.json: the weights are then random, at the same speed. Each row is the
// median of --runs runs after one warm-up. Tokens are counted over the time from the start of the
// prefill to the end of the last answer; the prefill's own rate comes from runs with one new token.
// With --masked-heads every second sequence runs without that many random heads. With --probe each
// step also finds the largest key of each head. share_of_limit is the minimum time for the bytes
// and operations of the run, given the bandwidth and peak measured at the start, divided by the
// actual time; share_of_bandwidth uses the bytes alone. The parts of a step are timed inside the
// run on the CPU, and one by one on a GPU (at the mean length of the run), where the rest includes
// the prefill.

#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "gpu_limits.h"
#include "machine_limits.h"
#include "random_weights.h"
#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/engine/generator.h"
#include "retmask/model/device.h"

namespace retmask {
namespace {

struct BenchOptions {
  std::filesystem::path model;
  std::vector<int64_t> batch_sizes{1, 16, 64};
  int64_t prompt_tokens = 32;
  int64_t new_tokens = 128;
  int64_t runs = 3;
  int64_t masked_heads = 0;
  bool probe = false;
  std::string device = "auto";
  std::string dtype = "auto";
  int64_t threads = 0;  // 0: all cores
};

InferenceLm load(const BenchOptions& options) {
  const ModelConfig config = bench::read_shape(options.model);
  const torch::Device device = parse_device(options.device);
  const torch::ScalarType dtype = parse_dtype(options.dtype, config.dtype);
  if (std::filesystem::exists(options.model / "model.safetensors") ||
      std::filesystem::exists(options.model / "model.safetensors.index.json")) {
    return InferenceLm(CausalLm::load(Checkpoint(options.model), device, dtype));
  }
  CausalLm model = CausalLm::empty(config, device, dtype);
  for (auto& [name, parameter] : model.parameters())
    bench::fill_with_random_weights(name, parameter);
  return InferenceLm(std::move(model));
}

std::vector<Head> random_heads(const ModelConfig& config, int64_t count) {
  std::vector<Head> heads;
  for (int64_t layer = 0; layer < config.num_hidden_layers(); ++layer) {
    for (int64_t head = 0; head < config.num_attention_heads; ++head)
      heads.push_back({layer, head});
  }
  RandomStream random(3, "heads");
  shuffle(heads, random);
  heads.resize(std::min(heads.size(), static_cast<size_t>(count)));
  return heads;
}

GenerationTimes run_once(const InferenceLm& model,
                         const BenchOptions& options,
                         int64_t batch_size) {
  const std::vector<Head> heads = random_heads(model.config(), options.masked_heads);
  std::vector<GenerationRequest> requests;
  for (int64_t i = 0; i < batch_size; ++i) {
    GenerationRequest request{.continuations = {{.random = RandomStream(1, std::to_string(i))}},
                              .sampling = {.temperature = 0.6},
                              .max_new_tokens = options.new_tokens};
    if (i % 2 == 1) request.continuations[0].masked_heads = heads;
    RandomStream prompt(2, std::to_string(i));
    for (int64_t t = 0; t < options.prompt_tokens; ++t) {
      request.prompt.push_back(
          static_cast<int64_t>(prompt.below(static_cast<uint64_t>(model.config().vocab_size))));
    }
    requests.push_back(std::move(request));
  }
  StepObserver observer;
  if (options.probe) observer = [](size_t, size_t, int64_t, const torch::Tensor&) {};
  GenerationTimes times;
  Generator(model, {.max_batch_size = batch_size})
      .run(
          source_of(requests), [](size_t, size_t, const GenerationResult&) {}, observer, &times);
  return times;
}

GenerationTimes median_run(const InferenceLm& model,
                           const BenchOptions& options,
                           int64_t batch_size) {
  run_once(model, options, batch_size);
  std::vector<GenerationTimes> runs;
  for (int64_t i = 0; i < options.runs; ++i) runs.push_back(run_once(model, options, batch_size));
  std::sort(
      runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.total < b.total; });
  return runs[runs.size() / 2];
}

// Of the same prompts with one new token each, so that a run is all prefill.
double prefill_tokens_per_second(const InferenceLm& model,
                                 BenchOptions options,
                                 int64_t batch_size) {
  options.new_tokens = 1;
  const GenerationTimes times = median_run(model, options, batch_size);
  return static_cast<double>(times.prompt_tokens) / times.total;
}

// Elements of the weight matrices that every token is multiplied with.
double weight_elements(const ModelConfig& config) {
  const int64_t heads = config.num_attention_heads * config.head_dim;
  const int64_t key_value = config.num_key_value_heads * config.head_dim;
  const int64_t layer = config.hidden_size * (2 * heads + 2 * key_value) +
                        3 * config.hidden_size * config.intermediate_size;
  return static_cast<double>(config.num_hidden_layers() * layer +
                             config.vocab_size * config.hidden_size);
}

struct Work {
  double bytes = 0;  // weights once per step, and keys and values of each query
  double flop = 0;   // two for each weight and token, four for each key and query head
};

Work work_of(const InferenceLm& model, const GenerationTimes& times) {
  const ModelConfig& config = model.config();
  const auto element = static_cast<double>(torch::elementSize(model.dtype()));
  const auto layers_dim = static_cast<double>(config.num_hidden_layers() * config.head_dim);
  const double weights = weight_elements(config);
  const auto cached = static_cast<double>(times.cached_tokens);
  return {.bytes =
              element * (weights * static_cast<double>(times.steps) +
                         2 * layers_dim * cached * static_cast<double>(config.num_key_value_heads)),
          .flop = 2 * weights * static_cast<double>(times.new_tokens + times.prompt_tokens) +
                  4 * layers_dim * cached * static_cast<double>(config.num_attention_heads)};
}

Json gpu_parts(const InferenceLm& model,
               const BenchOptions& options,
               int64_t batch_size,
               const GenerationTimes& times) {
  const double total = 1e3 * times.total / static_cast<double>(times.steps);
  Json result = {{"total", total}, {"own_kernels", model.has_decode()}};
  if (!bench::can_measure_step_parts() || !model.has_decode()) return result;
  const bench::StepParts parts = bench::measure_step_parts(
      model.config(), model.dtype(), batch_size, options.prompt_tokens + options.new_tokens / 2);
  result["linear"] = 1e3 * parts.linear;
  result["attention"] = 1e3 * parts.attention;
  result["sampling"] = 1e3 * parts.sampling;
  result["rest"] = total - 1e3 * (parts.linear + parts.attention + parts.sampling);
  return result;
}

Json to_row(const InferenceLm& model,
            const BenchOptions& options,
            int64_t batch_size,
            const GenerationTimes& times,
            const bench::MachineLimits& limits) {
  const auto per_step = [&](double seconds) {
    return 1e3 * seconds / static_cast<double>(times.steps);
  };
  const double known =
      times.forward.linear + times.logits + times.forward.attention + times.sampling;
  Json row = {{"bench", "generate"},
              {"model", options.model.filename().string()},
              {"batch_size", batch_size},
              {"prompt_tokens", options.prompt_tokens},
              {"new_tokens", options.new_tokens},
              {"masked_heads", options.masked_heads},
              {"probe", options.probe},
              {"device", model.device().str()},
              {"dtype", torch::toString(model.dtype())},
              {"tokens_per_second", static_cast<double>(times.new_tokens) / times.total}};
  const Work work = work_of(model, times);
  row["steps"] = times.steps;
  if (model.device().is_cpu()) {
    row["milliseconds_per_step"] = {{"total", per_step(times.total)},
                                    {"linear", per_step(times.forward.linear + times.logits)},
                                    {"attention", per_step(times.forward.attention)},
                                    {"sampling", per_step(times.sampling)},
                                    {"rest", per_step(times.total - known)}};
  } else {
    row["milliseconds_per_step"] = gpu_parts(model, options, batch_size, times);
  }
  row["gigabytes_per_step"] = 1e-9 * work.bytes / static_cast<double>(times.steps);
  row["gigabytes_per_second"] = 1e-9 * limits.bytes_per_second;
  row["gigaflop_per_second"] = 1e-9 * limits.flop_per_second;
  row["share_of_bandwidth"] = work.bytes / limits.bytes_per_second / times.total;
  row["share_of_limit"] =
      std::max(work.bytes / limits.bytes_per_second, work.flop / limits.flop_per_second) /
      times.total;
  return row;
}

void run(const BenchOptions& options) {
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  const torch::NoGradGuard no_grad;
  const InferenceLm model = load(options);
  const bench::MachineLimits limits = model.device().is_cpu()
                                          ? bench::measure_limits(model.dtype())
                                          : bench::measure_gpu_limits(model.dtype());
  for (const int64_t batch_size : options.batch_sizes) {
    const GenerationTimes times = median_run(model, options, batch_size);
    Json row = to_row(model, options, batch_size, times, limits);
    row["prefill_tokens_per_second"] = prefill_tokens_per_second(model, options, batch_size);
    std::cout << row.dump() << std::endl;
  }
}

}  // namespace
}  // namespace retmask

int main(int argc, char** argv) {
  retmask::BenchOptions options;
  CLI::App app("Generation throughput");
  app.add_option("--model", options.model, "Checkpoint folder, or a folder with only a config.json")
      ->required();
  app.add_option("--batch-sizes", options.batch_sizes, "Concurrent sequences")->delimiter(',');
  app.add_option("--prompt-tokens", options.prompt_tokens, "Tokens of each prompt");
  app.add_option("--new-tokens", options.new_tokens, "Tokens of each answer");
  app.add_option("--runs", options.runs, "Number of runs; the median is printed");
  app.add_option(
      "--masked-heads", options.masked_heads, "Number of heads off in every second sequence");
  app.add_flag("--probe", options.probe, "Find the largest key of each head, as detection does");
  app.add_option("--device", options.device, "cpu, cuda or auto");
  app.add_option("--dtype", options.dtype, "float32, bfloat16 or auto");
  app.add_option("--threads", options.threads, "CPU threads; 0 = all cores");
  CLI11_PARSE(app, argc, argv);
  try {
    retmask::run(options);
  } catch (const std::exception& error) {
    std::cerr << "generate_bench: " << error.what() << "\n";
    return 1;
  }
}
