#include "schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace retmask::train {

int64_t warmup_steps(const TrainOptions& options, int64_t total_steps) {
  return static_cast<int64_t>(std::ceil(static_cast<double>(total_steps) * options.warmup_ratio));
}

double learning_rate_at(const TrainOptions& options, int64_t step, int64_t total_steps) {
  const int64_t warmup = warmup_steps(options, total_steps);
  if (step < warmup) {
    return options.learning_rate * (static_cast<double>(step) / static_cast<double>(warmup));
  }
  const double progress = static_cast<double>(step - warmup) /
                          static_cast<double>(std::max<int64_t>(1, total_steps - warmup));
  const double floor = options.min_learning_rate / options.learning_rate;
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return options.learning_rate * (cosine * (1 - floor) + floor);
}

}  // namespace retmask::train
