#pragma once
// The memory plan of a run, and the choice of activation checkpointing that follows from it.

#include "retmask/train/memory_plan.h"
#include "retmask/train/trainer.h"

namespace retmask::train {

// Logs the memory that the run needs, writes it to memory_plan.json, and sets the activation
// checkpointing in `options`. The choice is made once per run: a resumed run (`goes_on`) keeps it
// even if less memory is free, so that sums are computed in the same order. Collective.
MemoryPlan settle_memory(const TrainingJob& job, TrainOptions& options, bool goes_on);

}  // namespace retmask::train
