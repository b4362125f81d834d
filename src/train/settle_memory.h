#pragma once
// What a run does with the memory that it finds.

#include "retmask/train/memory_plan.h"
#include "retmask/train/trainer.h"

namespace retmask::train {

// Says what memory the run needs, writes it to memory_plan.json, and settles in `options` which
// activations are kept: once per run, so that a start that finds less memory free goes on behind
// its state (`goes_on`) with the same sums in the same order. All ranks call it together.
MemoryPlan settle_memory(const TrainingJob& job, TrainOptions& options, bool goes_on);

}  // namespace retmask::train
