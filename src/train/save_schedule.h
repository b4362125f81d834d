#pragma once
// When to save the training state.

#include <chrono>
#include <cstdint>

#include "retmask/train/options.h"

namespace retmask::train {

// Every --save-every steps, and after the first step that ends --save-minutes or more after the
// last save (or the start).
class SaveSchedule {
 public:
  explicit SaveSchedule(const TrainOptions& options);

  // After `step` (counted from 1).
  bool due(int64_t step) const;
  // Restarts the minutes after a save.
  void saved();

 private:
  using Clock = std::chrono::steady_clock;
  int64_t save_every_;
  double save_minutes_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace retmask::train
