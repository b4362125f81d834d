#pragma once
// train-dpo --plan: memory of each rank and training time, computed from config.json without
// training.

#include <cstdint>
#include <vector>

#include "retmask/model/config.h"
#include "retmask/train/examples.h"
#include "retmask/train/options.h"

namespace retmask::cli {

// Fraction of a device's free memory that a run plans with.
constexpr double kUsableMemory = 0.9;

struct TrainPlanOptions {
  bool requested = false;    // --plan
  int64_t ranks = 1;         // of the planned job
  double memory_gib = 0;     // of each rank's device; 0: 74.5 (H100) on GPUs, here what is free
  double peak_tflops = 989;  // of each rank's device in the network's dtype (H100, H200: bfloat16)

  // Throws UserError.
  void validate() const;
};

// Prints a table with one row per ZeRO stage and activation checkpointing mode, and the first row
// that fits; with `examples` also the time of the run at 30 and 45 % of the peak. Without them the
// largest micro-batch is taken to have options.micro_batch_tokens tokens, all scored.
void print_train_plan(const TrainPlanOptions& plan,
                      const ModelConfig& config,
                      torch::Device device,
                      torch::ScalarType dtype,
                      const train::Options& options,
                      const std::vector<train::TrainingExample>& examples);

}  // namespace retmask::cli
