#pragma once
// Flags of train-dpo.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common.h"
#include "retmask/train/options.h"
#include "train_plan.h"

namespace retmask::cli {

struct TrainDpoCommandOptions {
  std::filesystem::path model;
  int64_t max_position = 0;
  std::vector<std::filesystem::path> pairs;
  std::vector<std::filesystem::path> eval_pairs;
  std::string loss = "dpo";
  std::string long_rows = "error";
  std::string save_dtype = "auto";
  std::string activation_checkpointing = "auto";
  bool no_shuffle = false;
  int64_t nproc = 1;
  int64_t watchdog_seconds = 30;
  train::Options train;
  TrainPlanOptions plan;

  // Converts what is text on the command line, and checks it.
  train::Options resolve(uint64_t seed) const;
};

// `options` must outlive the command.
void add_train_flags(Command& command, TrainDpoCommandOptions& options);

}  // namespace retmask::cli
