#pragma once
// The learning rate schedule.

#include <cstdint>

#include "retmask/train/options.h"

namespace retmask::train {

// Steps of the linear rise: ceil(ratio * total_steps).
int64_t warmup_steps(const TrainOptions& options, int64_t total_steps);

// The rate of step 0 .. total_steps - 1: a linear rise from 0 (the very first step has rate 0),
// then half a cosine down to min_learning_rate. Source: transformers
// get_cosine_with_min_lr_schedule_with_warmup.
double learning_rate_at(const TrainOptions& options, int64_t step, int64_t total_steps);

}  // namespace retmask::train
