#include "save_schedule.h"

namespace retmask::train {

SaveSchedule::SaveSchedule(const TrainOptions& options)
    : save_every_(options.save_every), save_minutes_(options.save_minutes) {}

bool SaveSchedule::due(int64_t step) const {
  if (save_every_ > 0 && step % save_every_ == 0) return true;
  const std::chrono::duration<double, std::ratio<60>> minutes = Clock::now() - last_;
  return save_minutes_ > 0 && minutes.count() >= save_minutes_;
}

void SaveSchedule::saved() { last_ = Clock::now(); }

}  // namespace retmask::train
