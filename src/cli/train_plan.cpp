#include "train_plan.h"

#include <cmath>
#include <cstdio>
#include <numeric>

#include "retmask/base/error.h"
#include "retmask/base/memory.h"
#include "retmask/train/batches.h"
#include "retmask/train/memory_plan.h"
#include "retmask/train/utilization.h"

namespace retmask::cli {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
constexpr double kH100Gib = 74.5;  // what a process can allocate of an H100's 80 GB

double gib(int64_t bytes) { return static_cast<double>(bytes) / kGib; }

struct Row {
  int64_t zero_stage;
  ActivationCheckpointing mode;
};

std::vector<Row> rows_of(int64_t ranks) {
  using enum ActivationCheckpointing;
  std::vector<Row> rows;
  for (int64_t stage = 0; stage <= (ranks > 1 ? 2 : 0); ++stage) {
    for (const auto mode : {none, selective, full}) rows.push_back({stage, mode});
  }
  if (ranks > 1) rows.push_back({3, full});
  return rows;
}

double available_gib(const TrainPlanOptions& plan, torch::Device device) {
  if (plan.memory_gib > 0) return plan.memory_gib;
  if (!device.is_cpu()) return kH100Gib;
  return gib(resident_memory()) + gib(available_memory());
}

// Forward and backward of every step, and the reference's forward pass over each row once.
double operations(const ModelConfig& config,
                  const train::Options& options,
                  const train::BatchPlan& batches,
                  const std::vector<train::TrainingExample>& examples) {
  train::RowIndices all(examples.size());
  std::iota(all.begin(), all.end(), 0);
  const double epoch = train::TrainingFlops(config).of_rows(examples, all);
  const double epochs =
      static_cast<double>(batches.total_steps()) / static_cast<double>(batches.steps_per_epoch());
  const bool has_reference = options.loss != train::LossKind::sft;
  return epoch * epochs + (has_reference ? epoch / 3 : 0);
}

void print_time(const TrainPlanOptions& plan,
                const ModelConfig& config,
                const train::Options& options,
                const std::vector<train::TrainingExample>& examples) {
  const train::BatchPlan batches(static_cast<int64_t>(examples.size()), options);
  const double total = operations(config, options, batches, examples);
  std::printf("%zu pairs, %ld steps: %.3g floating-point operations, reference included\n",
              examples.size(),
              batches.total_steps(),
              total);
  for (const double utilization : {0.30, 0.45}) {
    const double rate = utilization * plan.peak_tflops * 1e12 * static_cast<double>(plan.ranks);
    std::printf("%.2f hours at %.0f %% of %g TFLOP/s per rank\n",
                total / rate / 3600,
                100 * utilization,
                plan.peak_tflops);
  }
}

}  // namespace

void TrainPlanOptions::validate() const {
  if (ranks < 1) user_error("--plan-ranks is ", ranks, ", expected at least 1");
  if (!(memory_gib >= 0) || !std::isfinite(memory_gib)) {
    user_error("--plan-memory is ", memory_gib, ", expected GiB (0: of this device)");
  }
  if (!(peak_tflops > 0) || !std::isfinite(peak_tflops)) {
    user_error("--plan-tflops is ", peak_tflops, ", expected more than 0");
  }
}

void print_train_plan(const TrainPlanOptions& plan,
                      const ModelConfig& config,
                      torch::Device device,
                      torch::ScalarType dtype,
                      const train::Options& options,
                      const std::vector<train::TrainingExample>& examples) {
  train::MemoryCase memory_case{.device = device, .dtype = dtype, .ranks = plan.ranks};
  memory_case.pass = {.tokens = options.micro_batch_tokens,
                      .scored_tokens = options.micro_batch_tokens,
                      .only = false};
  if (!examples.empty()) {
    memory_case.pass =
        train::largest_micro_batch(examples, options, plan.ranks, config.hidden_size);
  }
  const double available = available_gib(plan, device);
  const int64_t process = device.is_cpu() ? resident_memory() : 0;
  std::printf(
      "%.3g B parameters, %s, %ld rank%s on %s, largest micro-batch %ld tokens; GiB of each rank\n",
      static_cast<double>(num_weights(config)) / 1e9,
      c10::toString(dtype),
      plan.ranks,
      plan.ranks == 1 ? "" : "s",
      device.is_cpu() ? "cpu" : "cuda",
      memory_case.pass.tokens);
  std::printf("zero-stage  checkpointing  weights  optimizer  gradients  activations  total  %s\n",
              "fits");
  const Row* chosen = nullptr;
  const std::vector<Row> rows = rows_of(plan.ranks);
  for (const Row& row : rows) {
    memory_case.zero_stage = row.zero_stage;
    memory_case.activation_checkpointing = row.mode;
    train::MemoryPlan needs = train::plan_memory(config, memory_case);
    needs.process = process;
    const bool fits = gib(needs.total()) <= kUsableMemory * available;
    if (fits && chosen == nullptr) chosen = &row;
    std::printf("%10ld  %13s  %7.2f  %9.2f  %9.2f  %11.2f  %5.4g  %s\n",
                row.zero_stage,
                to_string(row.mode).c_str(),
                gib(needs.weights),
                gib(needs.master_weights + needs.optimizer),
                gib(needs.gradients),
                gib(needs.activations + needs.working + needs.process),
                gib(needs.total()),
                fits ? "yes" : "no");
  }
  if (chosen != nullptr) {
    std::printf("fits into 90 %% of %.4g GiB: --zero-stage %ld --activation-checkpointing %s\n",
                available,
                chosen->zero_stage,
                to_string(chosen->mode).c_str());
  } else {
    std::printf(
        "nothing fits into 90 %% of %.4g GiB: more ranks, or a smaller "
        "--micro-batch-tokens\n",
        available);
  }
  if (!examples.empty()) print_time(plan, config, options, examples);
}

}  // namespace retmask::cli
