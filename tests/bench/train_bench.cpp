// Training throughput, model FLOPs utilization and memory, one JSON line per length.
//
//   train_bench --model DIR [--pairs 8] [--tokens 512,2048] [--micro-batch-tokens 8192] [--steps 3]
//
// DIR holds a config.json; the weights are random. Each of the pairs has two sequences of --tokens
// tokens, a fifth of them the prompt. A step trains on all pairs by DPO with AdamW, as train-dpo
// does, on one rank. The seconds are the median of --steps steps after one warm-up. The reference's
// log-probs are not computed (zeros stand in for them), as they are not part of a step. peak_bytes
// is the peak of the whole process up to this row, so list lengths in ascending order.

#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "objective.h"
#include "optimizer.h"
#include "random_weights.h"
#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/base/memory.h"
#include "retmask/base/random.h"
#include "retmask/model/device.h"
#include "retmask/train/memory_plan.h"
#include "retmask/train/utilization.h"
#include "sharded_gradients.h"
#include "sharded_parameters.h"
#include "steps.h"

namespace retmask::train {
namespace {

constexpr double kLearningRate = 5e-7;

struct BenchOptions {
  std::filesystem::path model;
  int64_t pairs = 8;
  std::vector<int64_t> tokens{512};
  int64_t micro_batch_tokens = 8192;
  int64_t steps = 3;
  std::string activation_checkpointing = "auto";
  std::string device = "auto";
  std::string dtype = "auto";
  int64_t threads = 0;  // 0: all cores

  // Throws UserError.
  void validate() const {
    if (pairs < 1) user_error("--pairs ", pairs, ": expected at least 1");
    if (steps < 1) user_error("--steps ", steps, ": expected at least 1");
    if (micro_batch_tokens < 1) {
      user_error("--micro-batch-tokens ", micro_batch_tokens, ": expected at least 1");
    }
    for (const int64_t count : tokens) {
      if (count < 2) user_error("--tokens ", count, ": expected at least 2, prompt and answer");
    }
  }
};

TokenIds random_tokens(RandomStream& random, int64_t count, int64_t vocab_size) {
  TokenIds ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(vocab_size))));
  }
  return ids;
}

std::vector<TrainingExample> random_pairs(int64_t pairs, int64_t tokens, int64_t vocab_size) {
  std::vector<TrainingExample> examples;
  const int64_t prompt = std::max<int64_t>(1, tokens / 5);
  for (int64_t i = 0; i < pairs; ++i) {
    RandomStream random(1, std::to_string(i));
    examples.push_back({.where = "pair " + std::to_string(i),
                        .prompt = random_tokens(random, prompt, vocab_size),
                        .chosen = random_tokens(random, tokens - prompt, vocab_size),
                        .rejected = random_tokens(random, tokens - prompt, vocab_size)});
  }
  return examples;
}

class TrainBench {
 public:
  explicit TrainBench(const BenchOptions& options)
      : options_(options),
        config_(bench::read_shape(options.model)),
        device_(parse_device(options.device)),
        dtype_(parse_dtype(options.dtype, config_.dtype)),
        room_{.process = device_.is_cpu() ? resident_memory() : 0,
              .available = device_.is_cpu() ? resident_memory() + available_memory()
                                            : free_memory(device_)} {}

  void run() {
    const double peak = measure_peak_flops(device_, dtype_);
    for (const int64_t tokens : options_.tokens) {
      std::cout << run_length(tokens, peak).dump() << std::endl;
    }
  }

 private:
  // The plan of the run; sets the activation checkpointing in `options`.
  MemoryPlan plan(const std::vector<TrainingExample>& examples, Options& options) const {
    MemoryCase memory_case{
        .device = device_,
        .dtype = dtype_,
        .zero_stage = options.zero_stage,
        .pass = largest_micro_batch(examples, options, /*ranks=*/1, config_.hidden_size)};
    options.activation_checkpointing =
        options_.activation_checkpointing == "auto"
            ? choose_activation_checkpointing(config_, memory_case, room_)
            : parse_activation_checkpointing(options_.activation_checkpointing);
    memory_case.activation_checkpointing = *options.activation_checkpointing;
    MemoryPlan result = plan_memory(config_, memory_case);
    result.process = room_.process;
    return result;
  }

  Json run_length(int64_t tokens, double peak) const {
    const auto examples = random_pairs(options_.pairs, tokens, config_.vocab_size);
    Options options{.max_steps = options_.steps + 1,
                    .global_batch_size = options_.pairs,
                    .micro_batch_tokens = options_.micro_batch_tokens,
                    .zero_stage = 0};
    const MemoryPlan memory = plan(examples, options);
    if (device_.is_cpu()) keep_large_tensors(memory.total());

    CausalLm model = CausalLm::empty(config_, device_, dtype_);
    model.set_activation_checkpointing(*options.activation_checkpointing);
    distributed::ProcessGroup group;
    ShardedParameters parameters(model.parameters(),
                                 group,
                                 options.zero_stage,
                                 device_,
                                 [](const std::string& name, int64_t, const torch::Tensor& into) {
                                   bench::fill_with_random_weights(name, into);
                                 });
    model.set_requires_grad(true);
    AdamW optimizer(parameters, options);
    ShardedGradients gradients(parameters, group);
    const auto zeros =
        torch::zeros({options_.pairs}, torch::TensorOptions(device_).dtype(torch::kFloat32));
    const Objective objective(model, examples, {.chosen = zeros, .rejected = zeros}, options);
    StepRunner runner(objective, examples, gradients, optimizer, group, options);

    const BatchPlan batches(options_.pairs, options);
    std::vector<StepMetrics> steps;
    runner.run(batches.batch(0), kLearningRate);
    for (int64_t step = 1; step <= options_.steps; ++step) {
      steps.push_back(runner.run(batches.batch(step), kLearningRate));
    }
    std::sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) {
      return a.seconds < b.seconds;
    });
    const StepMetrics& median = steps[steps.size() / 2];
    const double flops = TrainingFlops(config_).of_rows(examples, batches.batch(0));
    return {{"bench", "train"},
            {"model", options_.model.filename().string()},
            {"device", device_.str()},
            {"dtype", torch::toString(dtype_)},
            {"pairs", options_.pairs},
            {"tokens_per_sequence", tokens},
            {"micro_batch_tokens", options_.micro_batch_tokens},
            {"activation_checkpointing", to_string(*options.activation_checkpointing)},
            {"seconds_per_step", median.seconds},
            {"tokens_per_second", static_cast<double>(median.tokens) / median.seconds},
            {"model_flops_utilization", flops / (median.seconds * peak)},
            {"peak_teraflop_per_second", 1e-12 * peak},
            {"planned_bytes", memory.total()},
            {"peak_bytes", peak_memory(device_)}};
  }

  const BenchOptions options_;
  const ModelConfig config_;
  const torch::Device device_;
  const torch::ScalarType dtype_;
  const MemoryRoom room_;
};

}  // namespace
}  // namespace retmask::train

int main(int argc, char** argv) {
  retmask::train::BenchOptions options;
  CLI::App app("Training throughput");
  app.add_option("--model", options.model, "Folder with a config.json")->required();
  app.add_option("--pairs", options.pairs, "Pairs of each step");
  app.add_option("--tokens", options.tokens, "Tokens of each sequence; a list gives a row each")
      ->delimiter(',');
  app.add_option(
      "--micro-batch-tokens", options.micro_batch_tokens, "Most tokens of a micro-batch");
  app.add_option("--steps", options.steps, "Number of steps; the median is printed");
  app.add_option("--activation-checkpointing",
                 options.activation_checkpointing,
                 "none, selective, full or auto (as few as fit in memory)");
  app.add_option("--device", options.device, "cpu, cuda or auto");
  app.add_option("--dtype", options.dtype, "float32, bfloat16 or auto");
  app.add_option("--threads", options.threads, "CPU threads; 0 = all cores");
  CLI11_PARSE(app, argc, argv);
  try {
    options.validate();
    if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
    retmask::train::TrainBench(options).run();
  } catch (const retmask::UserError& error) {
    std::cerr << "train_bench: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "train_bench: " << error.what() << "\n";
    return 1;
  }
}
